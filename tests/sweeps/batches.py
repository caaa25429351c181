"""Batches that the tests of the sweep engine share."""

import functools

import jax
import numpy as np

import optax_lr as olr
from tests.cases import CLASSES, usual

SINGLES = [usual(kind) for kind in CLASSES if kind is not olr.Mixed]


def one_kind(rows: int, max_steps: int, seed: int = 0) -> dict[str, olr.Schedule]:
    """A batch of each documented kind, in random settings."""
    random = np.random.default_rng(seed)
    rate = random.uniform(1e-5, 1e-3, rows).astype(np.float32)
    warmup = random.integers(0, max(1, max_steps // 5), rows)
    return {
        "constant": olr.Constant(rate, warmup),
        "linear": olr.Linear(rate, max_steps, warmup),
        "cosine": olr.Cosine(rate, max_steps, warmup, min_lr=rate / 10),
        "waves": olr.Cosine(rate, max_steps, warmup, num_cycles=1.5),
        "restarts": olr.CosineWithRestarts(rate, max_steps, warmup, num_cycles=random.integers(1, 5, rows)),
        "small powers": olr.Polynomial(rate, max_steps, warmup, power=random.choice([0.5, 1, 2, 3], rows)),
        "powers": olr.Polynomial(rate, max_steps, warmup, power=random.uniform(0.3, 3.5, rows)),
        "inverse_sqrt": olr.InverseSqrt(rate, warmup),
        "rsqrt": olr.Rsqrt(rate, warmup),
    }


def mixed(rows: int, max_steps: int, names: list[str] | None = None, seed: int = 0) -> olr.Mixed:
    """Rows of several kinds in random order."""
    batches = one_kind(rows, max_steps, seed)
    names = list(batches) if names is None else names
    random = np.random.default_rng(seed + 1)
    parts = [batches[name][i * rows // len(names) : (i + 1) * rows // len(names)] for i, name in enumerate(names)]
    return olr.concatenate(parts)[random.permutation(rows)]


def many(schedule, rows):
    """`rows` times the same schedule."""
    return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], rows, axis=0), schedule)


@functools.cache
def called() -> np.ndarray:
    """The rates of `SINGLES` by one call for each of 64 steps."""
    return np.array([[one(step) for step in range(64)] for one in SINGLES])
