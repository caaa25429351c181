"""LoRA with a LLaMA-Factory config: a small transformer learns to rotate words, then its adapters learn to reverse them.

python examples/lora_config.py [FOLDER] [CONFIG]        writes FOLDER/lora_config.png; by default out/ and configs/lora.yaml

The config decides all that a schedule needs: rate, kind, warmup, epochs, batch size, accumulation, and the rank.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from pictures import draw_run

import optax_lr as olr

LENGTH, LETTERS, WIDTH = 8, 16, 64
RATE_SCALE = 60  # this model is a million times smaller than those that the config is for, and needs higher rates


class Block(nnx.Module):
    """Attention and a two-layer network, each around a residual."""

    def __init__(self, rngs):
        self.norms = nnx.List([nnx.LayerNorm(WIDTH, rngs=rngs) for _ in range(2)])
        self.query, self.key, self.value, self.mix = (nnx.Linear(WIDTH, WIDTH, rngs=rngs) for _ in range(4))
        self.wide, self.narrow = nnx.Linear(WIDTH, 2 * WIDTH, rngs=rngs), nnx.Linear(2 * WIDTH, WIDTH, rngs=rngs)

    def __call__(self, x):
        seen = self.norms[0](x)
        heads = [part(seen).reshape(*seen.shape[:-1], 4, -1) for part in (self.query, self.key, self.value)]
        x = x + self.mix(jax.nn.dot_product_attention(*heads).reshape(x.shape))
        return x + self.narrow(nnx.gelu(self.wide(self.norms[1](x))))


class Transformer(nnx.Module):
    """From letters [batch, LENGTH] to a distribution over letters at each position."""

    def __init__(self, rngs):
        self.letters = nnx.Embed(LETTERS, WIDTH, rngs=rngs)
        self.places = nnx.Embed(LENGTH, WIDTH, rngs=rngs)
        self.blocks = nnx.List([Block(rngs) for _ in range(2)])
        self.out = nnx.Linear(WIDTH, LETTERS, rngs=rngs)

    def __call__(self, letters):
        x = self.letters(letters) + self.places(jnp.arange(LENGTH))
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def add_adapters(model, rank: int, rngs) -> None:
    """A LoRA of this rank around every linear layer of the blocks."""
    for block in model.blocks:
        for name in ("query", "key", "value", "mix", "wide", "narrow"):
            layer = getattr(block, name)
            setattr(block, name, nnx.LoRA(layer.in_features, rank, layer.out_features, base_module=layer, rngs=rngs))


def loss_of(model, letters, answers):
    return optax.softmax_cross_entropy_with_integer_labels(model(letters), answers).mean()


def train(model, kind, schedule, updates, answer, *, batch, accumulate=1):
    """Train the variables of one kind; the model learns the result of `answer` for the letters."""
    optimizer = optax.MultiSteps(olr.inject_schedules(optax.adamw)(schedule), accumulate)
    optimizer = nnx.Optimizer(model, optimizer, wrt=kind)

    @nnx.jit
    def step(model, optimizer, letters):
        loss, gradients = nnx.value_and_grad(loss_of, argnums=nnx.DiffState(0, kind))(model, letters, answer(letters))
        optimizer.update(model, gradients)
        return loss

    step = nnx.cached_partial(step, model, optimizer)
    rng, losses, rates = np.random.default_rng(1), [], []
    for _ in range(updates):
        micro = [step(rng.integers(0, LETTERS, (batch, LENGTH))) for _ in range(accumulate)]
        losses.append(np.mean(micro))
        rates.append(float(optax.tree.get(nnx.as_pure(optimizer.opt_state), "learning_rate")))
    return losses, rates


def accuracy(model, answer) -> float:
    letters = np.random.default_rng(2).integers(0, LETTERS, (500, LENGTH))
    return float((model(letters).argmax(axis=-1) == answer(letters)).mean())


def rotate(letters):
    return jnp.roll(letters, 1, axis=1)


def reverse(letters):
    return letters[:, ::-1]


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "configs" / "lora.yaml"
config = olr.read_config(path)
plan = config.plan(num_examples=2_000)
settings = config.settings
print(f"{path.name}: {plan.schedule!r}")
print(
    f"{plan.max_steps} updates of {settings.per_device_train_batch_size} x {settings.gradient_accumulation_steps} examples"
)

model = Transformer(nnx.Rngs(0))
train(model, nnx.Param, olr.Cosine(3e-3, max_steps=150, warmup_steps=15), 150, rotate, batch=32)
print(f"base model: rotates {accuracy(model, rotate):.1%}, reverses {accuracy(model, reverse):.1%}")

add_adapters(model, config.values["lora_rank"], nnx.Rngs(1))
before = jax.tree.map(jnp.copy, nnx.state(model, nnx.Not(nnx.LoRAParam)))
losses, rates = train(
    model, nnx.LoRAParam, plan.schedule * RATE_SCALE, plan.max_steps, reverse,
    batch=settings.per_device_train_batch_size, accumulate=settings.gradient_accumulation_steps,
)  # fmt: skip
trained = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.LoRAParam)))
everything = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model)))
print(f"adapters: {trained:,} of {everything:,} numbers trained; reverses {accuracy(model, reverse):.1%}")
jax.tree.map(np.testing.assert_array_equal, before, nnx.state(model, nnx.Not(nnx.LoRAParam)))  # the base is untouched
np.testing.assert_allclose(rates, (plan.schedule * RATE_SCALE)(np.arange(plan.max_steps)), rtol=1e-6)
assert accuracy(model, reverse) > 0.9
draw_run(folder / "lora_config.png", f"LoRA by {path.name}: learning to reverse", losses, rates)
