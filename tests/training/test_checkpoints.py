"""After a restore anywhere in a run the rates continue bit for bit; and a longer run after a restore."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
import torch
import transformers

import optax_lr as olr

PARAMS = {"w": jnp.ones(3)}
RUNS = {  # the schedule, and where the run is broken off
    "in the warmup": (olr.Cosine(1e-2, max_steps=20, warmup_steps=8), 5),
    "in a cycle": (olr.CosineWithRestarts(1e-2, max_steps=20, num_cycles=3), 9),
    "in a stage": (olr.Stages([olr.Linear(1e-2, max_steps=8), olr.Cosine(3e-3, max_steps=12)], [8]), 11),
    "on a plateau": (olr.reduce_on_plateau(olr.Linear(1e-2, max_steps=40), factor=0.5, patience=2, cooldown=2), 8),
    "held": (olr.hold_on_plateau(olr.Cosine(1e-2, max_steps=20), patience=1), 8),
    "rising": (olr.greedy(olr.Constant(1e-2), patience=1, warmup=2, smooth=True, window_size=3), 8),
    "mixed": (olr.stack([olr.Linear(1e-2, max_steps=20), olr.Cosine(1e-2, max_steps=20, warmup_steps=3)]), 7),
}
LOSSES = np.float32(
    [1.0, 0.9, 0.8, 0.9, 0.8, 0.9, 0.7, 0.7, 0.7, 0.9, 0.6, 0.9, 0.9, 0.9, 0.9, 0.3, 0.2, 0.1, 0.1, 0.1]
)


def optimizer_of(schedule):
    return olr.inject_schedules(optax.adamw)(schedule)


def start(schedule):
    def init(member):
        return PARAMS, optimizer_of(member).init(PARAMS)

    return jax.vmap(init)(schedule) if schedule.batch_shape else init(schedule)


def go_on(schedule, carry, losses):
    """The carry after as many updates as there are losses, and the rate of each."""
    optimizer = optimizer_of(schedule if not schedule.batch_shape else schedule[0])

    def step(carry, loss):
        params, state = carry
        updates, state = optimizer.update(params, state, params, value=loss)
        return (optax.apply_updates(params, updates), state), optax.tree.get(state, "learning_rate")

    def run(carry):
        return jax.lax.scan(step, carry, losses)

    return (jax.vmap(run) if schedule.batch_shape else run)(carry)


@pytest.mark.parametrize("where", RUNS)
def test_a_restored_run_continues_bit_for_bit(where, tmp_path):
    schedule, at = RUNS[where]
    whole_carry, whole = go_on(schedule, start(schedule), LOSSES)
    carry, before = go_on(schedule, start(schedule), LOSSES[:at])
    olr.save_checkpoint(tmp_path / "ours", carry)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "orbax", carry)
    targets = jax.tree.map(jnp.zeros_like, start(schedule))
    restored = [
        olr.restore_checkpoint(tmp_path / "ours", like=targets),
        ocp.StandardCheckpointer().restore(tmp_path / "orbax", targets),
    ]
    for carry in restored:
        assert jax.tree.structure(carry) == jax.tree.structure(targets)
        end, after = go_on(schedule, carry, LOSSES[at:])
        np.testing.assert_array_equal(np.concatenate([before, after], axis=-1), whole)
        jax.tree.map(np.testing.assert_array_equal, end, whole_carry)


def test_errors_name_the_remedy(tmp_path):
    _, state = start(olr.Constant(1e-2))
    olr.save_checkpoint(tmp_path / "1", state)
    with pytest.raises(FileExistsError, match="exists; a checkpoint goes to a new folder"):
        olr.save_checkpoint(tmp_path / "1", state)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        olr.restore_checkpoint(tmp_path / "2", state)
    # Rsqrt has the fields of Constant: Orbax alone would take one for the other.
    with pytest.raises(ValueError, match=r"carries Constant\(.*where `like` carries Rsqrt\(.*olr\.set_schedule"):
        olr.restore_checkpoint(tmp_path / "1", start(olr.Rsqrt(1e-2, warmup_steps=5))[1])
    with pytest.raises(ValueError, match="where `like` carries no schedule"):
        olr.restore_checkpoint(tmp_path / "1", optax.adamw(1e-2).init(PARAMS))
    with pytest.raises(ValueError, match="build the same optimizer for the same parameters; Orbax says"):
        olr.restore_checkpoint(
            tmp_path / "1", olr.inject_schedules(optax.sgd)(olr.Constant(1e-2), momentum=0.9).init(PARAMS)
        )
    olr.save_checkpoint(tmp_path / "plain", optax.adamw(1e-2).init(PARAMS))
    with pytest.raises(
        ValueError, match=r"carries no schedule where .* into a new state with state\._replace\(inner_state"
    ):
        olr.restore_checkpoint(tmp_path / "plain", state)

    def inside(schedule):
        base = olr.inject_schedules(optax.sgd)(schedule)
        return olr.inject_schedules(optax.contrib.schedule_free)(base, learning_rate=olr.Constant(1e-2)).init(PARAMS)

    olr.save_checkpoint(tmp_path / "inside", inside(olr.Constant(1e-2)))
    with pytest.raises(ValueError, match=r"carries Constant\(.*where `like` carries Rsqrt\("):
        olr.restore_checkpoint(tmp_path / "inside", inside(olr.Rsqrt(1e-2, warmup_steps=5)))
    (tmp_path / "3").mkdir()
    with pytest.raises(ValueError, match=r"not a checkpoint of olr\.save_checkpoint"):
        olr.restore_checkpoint(tmp_path / "3", state)
    wsd = olr.WarmupStableDecay(1e-2, max_steps=20, decay_steps=5)
    olr.save_checkpoint(tmp_path / "4", start(wsd)[1])
    with pytest.raises(ValueError, match="decay_type='linear'"):
        olr.restore_checkpoint(tmp_path / "4", start(wsd.replace(decay_type="linear"))[1])


class _Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels=None):
        return {"loss": ((self.layer(x) - labels) ** 2).mean()}


@pytest.mark.filterwarnings("ignore")
def test_extending_a_finished_run(tmp_path):
    """A Trainer makes the first update at the last rate of the old curve, and then follows the longer curve.

    `set_schedule` with the longer schedule follows the longer curve from the first update on. A second stage with its own
    warmup has no jump.
    """
    data = [{"x": torch.ones(2) * i, "labels": torch.ones(1)} for i in range(4)]

    def run(max_steps, resume):
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path), learning_rate=1e-3, use_cpu=True, report_to=[], logging_steps=1, save_steps=10,
            disable_tqdm=True, dataloader_pin_memory=False, max_steps=max_steps, warmup_steps=2, lr_scheduler_type="linear",
            per_device_train_batch_size=2,
        )  # fmt: skip
        trainer = transformers.Trainer(_Model(), arguments, train_dataset=data)
        trainer.train(resume_from_checkpoint=resume)
        return [row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row]

    short, long = (olr.Linear(1e-3, max_steps=n, warmup_steps=2) for n in (10, 20))
    run(10, None)
    logged = run(20, True)
    trainers = [*short(np.arange(10)), short(10), *long(np.arange(11, 20))]
    np.testing.assert_allclose(logged, trainers, rtol=1e-6, atol=1e-15)

    carry, before = go_on(short, start(short), LOSSES[:10])
    ours = go_on(long, olr.set_schedule(carry, long), LOSSES[10:])[1]
    np.testing.assert_allclose([*before, *ours], [*short(np.arange(10)), *long(np.arange(10, 20))], rtol=1e-6)

    again = olr.Stages([short, olr.Linear(3e-4, max_steps=10, warmup_steps=2)], boundaries=[10])
    rates = go_on(again, olr.set_schedule(carry, again), LOSSES[10:])[1]
    np.testing.assert_allclose(rates[:3], [0, 1.5e-4, 3e-4], rtol=1e-6)
    assert (np.diff(rates[2:]) < 0).all()
