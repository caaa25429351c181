"""verl's trainers for SFT: `verl.trainer.sft_trainer`, and `verl.trainer.fsdp_sft_trainer`, which 0.7.1 and later do not have."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

from optax_lr.sources.source import Processes, Source
from optax_lr.trainers.base import Data, whole_batches
from optax_lr.trainers.hydra import base_of, extends, named_config
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.usual_names import state_with
from optax_lr.trainers.verl import BATCH, FOLDER, Verl, by_nodes
from optax_lr.trainers.verl_optimizers import FSDP, MEGATRON, SFT, Optimizer

# The processes that have the same examples, by the keys of the older and of the newer trainer.
_SHARED = (
    "ulysses_sequence_parallel_size",
    *(f"engine.{kind}_parallel_size" for kind in ("ulysses_sequence", "tensor_model", "pipeline_model", "context")),
)
_OPTIMIZERS = {"fsdp": FSDP, "megatron": MEGATRON}


class VerlSFT(Verl):
    """verl's SFT, whose loaders drop the last batch.

    Source: `verl.trainer.sft_trainer`, `verl.trainer.fsdp_sft_trainer`, `verl.workers.engine`, `verl.utils.torch_functional`.
    """

    name = "verl-sft"
    title = "verl's SFT"
    programs = r"(?:verl\.trainer\.|(?:.*/)?verl/trainer/)(?:fsdp_sft_trainer|sft_trainer(?:_ray)?)(?:\.py)?"
    no_length = (
        "the length of the run is not known: give the number of training examples (num_examples=..., --num-examples)"
    )
    renamed = {
        **Verl.renamed,
        "learning_rate": "optim.lr",
        "warmup_steps": "optim.lr_warmup_steps",
    }
    place = "optim."
    listed = "verl_sft"
    own = ("sft_trainer_engine", "sft_trainer")
    main = "one of verl's trainers for SFT"
    groups = frozenset({"engine", "optim"})

    def evidence(self, source: Source) -> str | None:
        model = source.given.get("model")
        found = isinstance(model, Mapping) and "partial_pretrain" in model and source.program is None
        return "its key model.partial_pretrain" if found else extends(source, self.own)

    def config(self, source: Source, given: Mapping[str, object]) -> tuple[str, Optimizer, dict[str, object]]:
        """The config by the program; `model.partial_pretrain` is a key of the older one."""
        length: dict[str, object] = {"data.train_batch_size": 256, "trainer.total_epochs": 4}
        older = "fsdp_sft" in source.program_name or "model.partial_pretrain" in given
        usual = "sft_trainer" if older else "sft_trainer_engine"
        config, parts = base_of(source)
        if source.form == "command":
            config = usual if named_config(source, usual, FOLDER) == f"{FOLDER}/{usual}.yaml" else "another"
        elif parts:
            config = config or usual
        if source.form != "command" and config not in ("", *self.own):
            curve = ", with a warmup and a cosine unless optim.lr_scheduler is set" if older else ""
            raise self.of_another_program(source, config, curve)
        engine, optim = (str(given.get(key, parts.get(key, "fsdp"))) for key in ("engine", "optim"))
        if config not in ("", usual) or engine not in _OPTIMIZERS or not (older or optim == engine):
            raise source.error(
                f"the defaults of this run are in another config of verl than {usual} with engine and optim fsdp or megatron, "
                f"which is not read; {state_with(source)}"
            )
        if older:
            return config, SFT, {"optim.lr": 1e-5, **length}
        return config, _OPTIMIZERS[engine], {"optim.lr": 1e-3, **length}

    def remarks(self, keys: Keys, settings: Settings, optimizer: Optimizer) -> Iterator[str]:
        """Nothing: all of its versions have one schedule."""
        yield from ()

    def shared(self, source: Source, keys: Keys) -> int:
        """Those of one sequence or model; the trainer of Ray loads the batches in one process."""
        return 0 if "_ray" in source.program_name else math.prod(keys.whole(key, 1, least=1) for key in _SHARED)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """As in PPO; a batch that the processes do not divide is refused where verl does."""
        batch, ranks = settings.per_device_train_batch_size, _ranks(settings, processes)
        if batch < ranks or (batch % ranks and settings.own["form"] == SFT.kind):
            what = (
                f"{BATCH} {batch} is not a multiple of {ranks} processes with examples of their own, which verl refuses"
            )
            raise settings.error(f"{what}; change it, or give the number of all processes with --world-size")
        return super().counted(settings.also(ranks=ranks), data, processes)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Each process takes its part of the examples and of the batch, both rounded down."""
        ranks, batch = settings.own["ranks"], settings.per_device_train_batch_size
        examples = self.training_examples(settings, data.examples)
        if batch % ranks == 0:
            return whole_batches(settings, examples)
        return whole_batches(
            dataclasses.replace(settings, per_device_train_batch_size=batch // ranks), examples // ranks
        )

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        yield from super().notes(settings, max_steps, version)
        batch, ranks = settings.per_device_train_batch_size, settings.own["ranks"]
        if batch % ranks:
            yield f"{BATCH} {batch}: each of {ranks} processes takes {batch // ranks} examples, and the rest is left out"

    def processes(self, source: Source, keys: Keys) -> Processes | None:
        """Those of torchrun, except with Ray."""
        return by_nodes(keys, 1) if "_ray" in source.program_name else None


def _ranks(settings: Settings, processes: int) -> int:
    """The processes with examples of their own."""
    return max(1, processes // settings.own["shared"]) if settings.own["shared"] else 1
