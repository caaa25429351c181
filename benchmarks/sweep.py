"""The time of a sweep, compared with filling the same memory and with other implementations.

    python -m benchmarks.sweep [ROWS STEPS] ...        default 1000 1000, 10000 1000, 10000 10000 and 100000 1000

The speed of a sweep is limited by writing its result. So the unit is the time in which NumPy fills the same buffer with a
constant, on one core or on all cores, whichever is faster, in the same round. Every case that can write into existing memory
does so.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from benchmarks.timing import fills, in_rounds, limit, machine, ratio, sizes, table


def batches(rows: int, steps: int) -> dict[str, olr.Schedule]:
    """A batch of each kind, with warmups up to a fifth of the run, and rates over two decades."""
    random = np.random.default_rng(0)
    rate = random.uniform(1e-5, 1e-3, rows)
    warmup = random.integers(0, max(1, steps // 5), rows)
    kinds = {
        "constant": olr.Constant(rate, warmup),
        "linear": olr.Linear(rate, steps, warmup),
        "cosine": olr.Cosine(rate, steps, warmup, min_lr=rate / 10),
        "cosine, 1.5 waves": olr.Cosine(rate, steps, warmup, num_cycles=1.5),
        "cosine_with_restarts": olr.CosineWithRestarts(rate, steps, warmup, num_cycles=random.integers(1, 5, rows)),
        "polynomial, powers 1, 2, 3": olr.Polynomial(rate, steps, warmup, power=random.integers(1, 4, rows)),
        "polynomial, power 0.5": olr.Polynomial(rate, steps, warmup, power=0.5),
        "polynomial, any power": olr.Polynomial(rate, steps, warmup, power=random.uniform(0.3, 3.5, rows)),
        "inverse_sqrt": olr.InverseSqrt(rate, warmup),
        "warmup_stable_decay": olr.WarmupStableDecay(rate, steps // 5, steps, warmup),
    }
    names = ["constant", "linear", "cosine", "cosine_with_restarts", "polynomial, powers 1, 2, 3", "inverse_sqrt"]
    parts = [kinds[name][i :: len(names)] for i, name in enumerate(names)]
    kinds["mixed: six kinds at random"] = olr.concatenate(parts)[random.permutation(rows)]
    every = [batch[i :: len(kinds)] for i, (name, batch) in enumerate(kinds.items()) if not name.startswith("mixed")]
    kinds["mixed: all of the above"] = olr.concatenate(every)[random.permutation(sum(map(len, every)))]
    further = [
        olr.WarmupStableDecay(rate, steps // 5, steps, warmup, decay_type="linear"),
        olr.CosineWarmupWithMinLR(rate, steps, warmup, min_lr=rate / 10),
        olr.Rex(rate, steps, warmup),
        olr.Step(rate, step_size=max(1, steps // 7)),
        olr.Exponential(rate, gamma=0.999),
        olr.CosineAnnealing(rate, T_max=steps),
        olr.OneCycle(rate, steps),
        olr.Cyclic(rate / 10, rate, step_size_up=max(1, steps // 9)),
        olr.DeepSpeedWarmupDecay(rate, max_steps=steps, warmup_steps=warmup),
    ]
    every = [kinds[name] for name in [*names, "warmup_stable_decay"]] + further
    kinds["mixed: sixteen kinds"] = olr.concatenate([batch[i :: len(every)] for i, batch in enumerate(every)])[
        random.permutation(rows)
    ]
    kinds["warmup_stable_decay, 1-sqrt"] = olr.WarmupStableDecay(rate, steps // 5, steps, warmup, decay_type="1-sqrt")
    return kinds


class Reused:
    """A sweep that writes its result into the memory of the previous result."""

    def __init__(self, batch: olr.Schedule, steps: int, **options):
        self.batch, self.steps, self.options = batch, steps, options
        self.result = olr.sweep(batch, steps, **options)

    def __call__(self):
        self.result = olr.sweep(self.batch, self.steps, out=self.result, **self.options).block_until_ready()


class InATrace:
    """The same inside a jitted function."""

    def __init__(self, batch: olr.Schedule, steps: int):
        self.batch = batch
        self.curves = jax.jit(lambda batch, _: olr.sweep(batch, steps), donate_argnums=1, keep_unused=True)
        self.result = self.curves(batch, jnp.zeros((len(batch), steps), jnp.float32))

    def __call__(self):
        self.result = self.curves(self.batch, self.result).block_until_ready()


def numpy_cosine(batch: olr.Cosine, steps: int, dtype):
    """The usual NumPy code: a sequence of operations on whole arrays."""
    rate, total, warmup, floor = (
        np.asarray(leaf, dtype)[:, None]
        for leaf in (batch.learning_rate, batch.max_steps, batch.warmup_steps, batch.min_lr)
    )
    step = np.arange(steps, dtype=dtype)

    def evaluate():
        progress = (step - warmup) / np.maximum(1, total - warmup)
        decay = floor + (rate - floor) * dtype(0.5) * (1 + np.cos(dtype(np.pi) * progress))
        return np.where(step < warmup, rate * step / np.maximum(1, warmup), decay)

    return evaluate


def torch_cosine(batch: olr.Cosine, steps: int):
    """The same in PyTorch, float32."""
    import torch

    rate, total, warmup, floor = (
        torch.tensor(np.asarray(leaf, np.float32))[:, None]
        for leaf in (batch.learning_rate, batch.max_steps, batch.warmup_steps, batch.min_lr)
    )
    step = torch.arange(steps, dtype=torch.float32)

    def evaluate():
        progress = (step - warmup) / torch.clamp(total - warmup, min=1)
        decay = floor + (rate - floor) * 0.5 * (1 + torch.cos(torch.pi * progress))
        return torch.where(step < warmup, rate * step / torch.clamp(warmup, min=1), decay)

    return evaluate


def numba_cosine(batch: olr.Cosine, steps: int):
    """The same as two loops that numba compiles for all cores, writing into existing memory; None if numba is not installed."""
    try:
        import numba
    except ImportError:
        return None

    @numba.njit(parallel=True, fastmath=True)
    def fill(rate, total, warmup, floor, out):
        for row in numba.prange(out.shape[0]):
            for step in range(out.shape[1]):
                if step < warmup[row]:
                    out[row, step] = rate[row] * step / warmup[row]
                else:
                    progress = np.float32(step - warmup[row]) / np.float32(max(1, total[row] - warmup[row]))
                    wave = np.float32(0.5) * (np.float32(1) + np.cos(np.float32(np.pi) * progress))
                    out[row, step] = floor[row] + (rate[row] - floor[row]) * wave

    rows = len(batch)
    rate, floor = (
        np.ascontiguousarray(np.broadcast_to(leaf, rows), np.float32) for leaf in (batch.learning_rate, batch.min_lr)
    )
    total, warmup = (
        np.ascontiguousarray(np.broadcast_to(leaf, rows), np.int32) for leaf in (batch.max_steps, batch.warmup_steps)
    )
    out = np.empty((rows, steps), np.float32)
    return lambda: fill(rate, total, warmup, floor, out)


def torch_stepping(batch: olr.Cosine, steps: int):
    """One curve by the real scheduler of `transformers`, stepped as in a training loop."""
    import torch
    import transformers

    def evaluate():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=float(batch.learning_rate[0]))
        scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, int(batch.warmup_steps[0]), steps)
        optimizer.step()
        rates = []
        for _ in range(steps):
            rates.append(scheduler.get_last_lr()[0])
            scheduler.step()
        return rates

    return evaluate


def optax_closures(batch: olr.Cosine, steps: int):
    """One curve by Optax. Its step counts cannot be traced, so each schedule needs a compilation."""
    number = iter(range(10**9))

    def evaluate():
        row = next(number) % len(batch)
        schedule = optax.warmup_cosine_decay_schedule(
            0.0, float(batch.learning_rate[row]), int(batch.warmup_steps[row]), steps, float(batch.min_lr[row])
        )
        return jax.jit(schedule)(jnp.arange(steps)).block_until_ready()

    return evaluate


def report(rows: int, steps: int, rounds: int) -> None:
    """Print the tables for one size."""
    kinds = batches(rows, steps)
    buffer = np.empty((rows, steps), np.float32)
    cases = fills(buffer)
    cases |= {name: Reused(batch, steps) for name, batch in kinds.items()}
    traced = ("cosine", "mixed: six kinds at random", "mixed: sixteen kinds")
    cases |= {f"{name}, inside a jit": InATrace(kinds[name], steps) for name in traced}
    cases["cosine, fresh memory"] = lambda: olr.sweep(kinds["cosine"], steps).block_until_ready()
    seconds = in_rounds(cases, rounds)
    fill = limit(seconds)
    print(f"\n### {rows:,} x {steps:,}\n")
    print(
        f"{machine()}; filling: {np.median(fill) * 1e3:.2f} ms, {rows * steps * 4 / np.median(fill) / 1e9:.0f} GB/s\n"
    )
    lines = [
        [name, f"{np.median(s) * 1e3:.2f}", ratio(s, fill), f"{rows * steps / np.median(s) / 1e9:.2f}"]
        for name, s in seconds.items()
    ]
    print(table(["sweep", "ms", "times a fill", "rates/ns"], lines))

    cosine = kinds["cosine"]
    ours = Reused(cosine, steps)
    whole = {
        "ours": ours,
        "NumPy float32": numpy_cosine(cosine, steps, np.float32),
        "NumPy float64": numpy_cosine(cosine, steps, np.float64),
        "PyTorch float32": torch_cosine(cosine, steps),
    }
    if (by_numba := numba_cosine(cosine, steps)) is not None:
        whole["numba float32, fastmath, all cores"] = by_numba
    peers = in_rounds(whole, max(3, rounds // 3), twice=True)
    lines = [
        [f"{name}, all rows at once", f"{np.median(s) * 1e3:.1f}", ratio(s, peers["ours"])] for name, s in peers.items()
    ]
    for name, one in (
        ("transformers' scheduler, stepped", torch_stepping(cosine, steps)),
        ("Optax, jit per schedule", optax_closures(cosine, steps)),
    ):
        each = np.median(in_rounds({name: one}, 5)[name])
        times = each * rows / np.median(peers["ours"])
        lines.append([f"{name}, one row times {rows:,}", f"{each * rows * 1e3:,.0f}", f"{times:,.0f}"])
    print("\n" + table(["cosine by", "ms", "times ours"], lines))


def main() -> None:
    """Print the tables for each size."""
    for rows, steps in sizes((1_000, 1_000), (10_000, 1_000), (10_000, 10_000), (100_000, 1_000)):
        report(rows, steps, rounds=15 if rows * steps <= 10**7 else 7)


if __name__ == "__main__":
    main()
