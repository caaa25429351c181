"""verl's trainers for SFT: `verl.trainer.sft_trainer`, and `verl.trainer.fsdp_sft_trainer`, which 0.7.1 and later do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optax_lr.sources.errors import WRITE
from optax_lr.sources.source import Processes, Source
from optax_lr.trainers.hydra import base_of, extends, named_config
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.verl import FOLDER, Verl, by_nodes
from optax_lr.trainers.verl_optimizers import FSDP, MEGATRON, SFT, Optimizer

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
        engine, optim = (str(given.get(key, parts.get(key, "fsdp"))) for key in ("engine", "optim"))
        if config not in ("", usual) or engine not in _OPTIMIZERS or not (older or optim == engine):
            raise source.error(
                f"the defaults of this run are in another config of verl than {usual} with engine and optim fsdp or megatron, "
                f"which is not read; {WRITE}"
            )
        if older:
            return config, SFT, {"optim.lr": 1e-5, **length}
        return config, _OPTIMIZERS[engine], {"optim.lr": 1e-3, **length}

    def remarks(self, keys: Keys, settings: Settings, optimizer: Optimizer) -> Iterator[str]:
        """Nothing: all of its versions have one schedule."""
        yield from ()

    def processes(self, source: Source, keys: Keys) -> Processes | None:
        """Those of torchrun, except with Ray."""
        return by_nodes(keys, 1) if "_ray" in source.program_name else None
