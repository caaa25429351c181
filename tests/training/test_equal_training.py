"""The same model, data and AdamW in PyTorch and in JAX have the same loss at each step, in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import transformers

import optax_lr as olr

EXAMPLES, BATCH, RATE, DECAY = 48, 8, 3e-2, 0.1
MULTI_STEPS = 1e-7  # Optax accumulates gradients in float32
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 4))
Y = np.sin(X.sum(axis=1, keepdims=True))


def batch(step):
    rows = (np.arange(BATCH) + step * BATCH) % EXAMPLES
    return X[rows], Y[rows]


def torch_model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()


def weights(model):
    return [jnp.asarray(p.detach().numpy().T) for p in model.parameters()]


def loss_of(params, x, y):
    hidden = jnp.tanh(x @ params[0] + params[1])
    return ((hidden @ params[2] + params[3] - y) ** 2).mean()


class Torch:
    """A run in PyTorch: each stage is one `transformers` scheduler over `updates` updates of `accumulate` batches."""

    def __init__(self):
        self.model, self.optimizer, self.losses, self.rates, self.step = torch_model(), None, [], [], 0

    def stage(self, name, rate, warmup, updates, *, accumulate=1, keep=False, **settings):
        if keep:
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"] = rate
        else:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=DECAY)
        scheduler = transformers.get_scheduler(
            name, self.optimizer, warmup, updates, scheduler_specific_kwargs=settings
        )
        for _ in range(updates):
            for _ in range(accumulate):
                x, y = map(torch.from_numpy, batch(self.step))
                loss = ((self.model(x) - y) ** 2).mean()
                (loss / accumulate).backward()
                self.losses.append(loss.item())
                self.step += 1
            self.rates.append(self.optimizer.param_groups[0]["lr"])
            self.optimizer.step()
            scheduler.step()
            self.optimizer.zero_grad()
        return self


class Jax:
    """The same run in JAX, one compiled step for all of it."""

    def __init__(self):
        self.params, self.state, self.losses, self.step = weights(torch_model()), None, [], 0

    def stage(self, schedule, updates, *, accumulate=1, keep=False):
        optimizer = olr.inject_schedules(optax.adamw)(schedule, weight_decay=DECAY)
        optimizer = optax.MultiSteps(optimizer, every_k_schedule=accumulate)
        self.state = self.state if keep else optimizer.init(self.params)

        @jax.jit
        def one(params, state, x, y):
            loss, grads = jax.value_and_grad(loss_of)(params, x, y)
            moves, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, moves), state, loss

        for _ in range(updates * accumulate):
            self.params, self.state, loss = one(self.params, self.state, *batch(self.step))
            self.losses.append(float(loss))
            self.step += 1
        return self


def assert_equal(jaxs, torchs, compared, rtol=1e-12):
    assert np.mean(torchs.losses[-6:]) < 0.8 * np.mean(torchs.losses[:6])
    np.testing.assert_allclose(jaxs.losses, torchs.losses, rtol=rtol)
    compared("losses of training in PyTorch", len(torchs.losses))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cosine", {}),
        ("linear", {}),
        ("cosine_with_restarts", {"num_cycles": 3}),
        ("polynomial", {"power": 2}),
        ("inverse_sqrt", {}),
    ],
)
def test_losses_equal_those_of_pytorch(name, settings, compared):
    with jax.enable_x64(True):
        schedule = olr.get_scheduler(name, RATE, warmup_steps=6, max_steps=60, **settings)
        torchs = Torch().stage(name, RATE, 6, 60, **settings)
        assert_equal(Jax().stage(schedule, 60), torchs, compared)


def test_accumulation_counts_updates_and_not_batches(compared):
    with jax.enable_x64(True):
        torchs = Torch().stage("cosine", RATE, 4, 30, accumulate=4)
        assert_equal(
            Jax().stage(olr.Cosine(RATE, max_steps=30, warmup_steps=4), 30, accumulate=4), torchs, compared, MULTI_STEPS
        )


def test_two_stages_with_the_state_reset_or_kept(compared):
    """Linear, then cosine from the first one's weights; the guide's two-stage recipe in small, under accumulation."""
    with jax.enable_x64(True):
        first, second = (
            olr.Linear(RATE, max_steps=20, warmup_steps=4),
            olr.Cosine(RATE / 3, max_steps=40, warmup_steps=2),
        )

        def torchs(keep):
            run = Torch().stage("linear", RATE, 4, 20, accumulate=2)
            return run.stage("cosine", RATE / 3, 2, 40, accumulate=2, keep=keep)

        kept, reset = torchs(True), torchs(False)
        both = olr.Stages([first, second], boundaries=[20])
        np.testing.assert_allclose(both(np.arange(60)), kept.rates, rtol=1e-12)
        assert_equal(Jax().stage(both, 60, accumulate=2), kept, compared, MULTI_STEPS)
        assert_equal(Jax().stage(first, 20, accumulate=2).stage(second, 40, accumulate=2), reset, compared, MULTI_STEPS)
        assert kept.losses[-1] != pytest.approx(reset.losses[-1], rel=1e-6)
