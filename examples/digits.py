"""scikit-learn's handwritten digits, divided for training and validation: 1,797 images of 8 x 8 that ship with the package."""

from __future__ import annotations

import numpy as np
import optax
from sklearn.datasets import load_digits


def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """((images [1437, 64], labels [1437]), (images [360, 64], labels [360])): float32 in [0, 1], int32; always the same."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = (images[order] / 16).astype(np.float32), labels[order].astype(np.int32)
    return (images[:1437], labels[:1437]), (images[1437:], labels[1437:])


def batches(images: np.ndarray, labels: np.ndarray, size: int, epoch: int):
    """Full batches of one epoch, in an order that depends only on the epoch."""
    order = np.random.default_rng(epoch).permutation(len(images))
    for start in range(0, len(order) - size + 1, size):
        rows = order[start : start + size]
        yield images[rows], labels[rows]


def loss_of(weights, images, labels):
    """Mean cross entropy of softmax regression; `weights` are [64, 10]."""
    logits = images @ weights
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
