"""Trainers: recognising and reading their configs, counting their steps, and building the schedule that they run.

A new trainer is one file with one class, and one line in `TRAINERS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.sources.errors import STATE, ConfigError
from optax_lr.sources.source import Source
from optax_lr.trainers.accelerate_scripts import Diffusers, OpenInstruct
from optax_lr.trainers.axolotl import Axolotl
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer
from optax_lr.trainers.deepspeed import DeepSpeed
from optax_lr.trainers.hf import HuggingFace, section_of
from optax_lr.trainers.keys import Default
from optax_lr.trainers.levanter import Levanter
from optax_lr.trainers.lightning import Lightning
from optax_lr.trainers.llamafactory import LlamaFactory, LlamaFactoryPPO, LlamaFactoryUI, LlamaFactoryV1
from optax_lr.trainers.llamafactory_megatron import LlamaFactoryMegatron
from optax_lr.trainers.maxtext import MaxText
from optax_lr.trainers.megatron import Megatron
from optax_lr.trainers.megatron_swift import MegatronSwift
from optax_lr.trainers.mlx_lm import MlxLm
from optax_lr.trainers.nanogpt import NanoGPT
from optax_lr.trainers.not_recognised import why_not_recognised
from optax_lr.trainers.openrlhf import OpenRLHF
from optax_lr.trainers.optax_schedules import OptaxSchedules
from optax_lr.trainers.optimizers import Optimizers
from optax_lr.trainers.own_rates import OwnRates
from optax_lr.trainers.refused import refusal
from optax_lr.trainers.scheduler_functions import SchedulerFunctions
from optax_lr.trainers.sd_scripts import SdScripts
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.swift import Swift
from optax_lr.trainers.torch_schedules import TorchSchedules
from optax_lr.trainers.torchtitan import Torchtitan
from optax_lr.trainers.torchtune import Torchtune
from optax_lr.trainers.trl import Trl
from optax_lr.trainers.verl import Verl
from optax_lr.trainers.verl_sft import VerlSFT

__all__ = ["TRAINERS", "Data", "Default", "Reading", "Recognised", "Settings", "Trainer", "recognise", "trainer_of"]

TRAINERS: Mapping[str, Trainer] = {
    trainer.name: trainer
    for trainer in (
        LlamaFactoryUI(),
        LlamaFactoryV1(),
        LlamaFactory(),
        LlamaFactoryPPO(),
        LlamaFactoryMegatron(),
        Axolotl(),
        DeepSpeed(),
        Swift(),
        Trl(),
        MaxText(),
        Levanter(),
        Megatron(),
        MegatronSwift(),
        Torchtune(),
        Torchtitan(),
        Verl(),
        VerlSFT(),
        OpenRLHF(),
        NanoGPT(),
        MlxLm(),
        SdScripts(),
        Diffusers(),
        OpenInstruct(),
        Lightning(),
        OptaxSchedules(),
        TorchSchedules(),
        OwnRates(),
        Optimizers(),
        SchedulerFunctions(),
        HuggingFace(),  # last: its keys are part of the others'
    )
}


def trainer_of(name: str) -> Trainer:
    """The trainer of a name, such as that in `RunConfig.trainer` or behind `--trainer`.

    Raises:
        ConfigError: for a name that is none.

    >>> trainer_of("trl-sft").title
    'TRL'
    """
    plain = name.partition("==")[0]
    found = TRAINERS.get(plain) or TRAINERS.get({"transformers": "hf"}.get(plain, plain.partition("-")[0]))
    if found is None:
        raise ConfigError(f"--trainer {name}: write one of {', '.join(TRAINERS)}, or trl-sft, trl-dpo, ...")
    return found


def recognise(source: Source, asked: str | None = None) -> Recognised:
    """Which trainer a config is for.

    Args:
        source: the config.
        asked: the trainer that the caller names, which decides.

    Raises:
        ConfigError: If no trainer, or more than one, is certain; the line gives the evidence for each.
    """
    if asked is not None:
        trainer = trainer_of(asked)
        if trainer.takes is not None and trainer.recognise(source) is None:
            raise source.error(f"--trainer {asked} is for calls in Python scripts, and there is none; {STATE}")
        section = section_of(source) if trainer.name in ("hf", "trl") else ()
        by = f"--trainer {asked}" + (f", with the keys under {'.'.join(section)}" if section else "")
        return Recognised(trainer.name if trainer.name != "trl" else asked, by, section)
    refused = refusal(source)
    if refused is not None:
        raise ConfigError(refused)
    claims: list[Recognised] = []
    covered: set[str] = set()
    for trainer in TRAINERS.values():
        found = None if trainer.name in covered else trainer.recognise(source)
        if found is not None:
            claims.append(found)
            covered |= trainer_of(found.trainer).covers
    kept = [claim for claim in claims if claim.trainer not in covered]
    if len(kept) == 1:
        return kept[0]
    if kept:
        what = "; ".join(f"{trainer_of(claim.trainer).title} by {claim.by}" for claim in kept)
        read = [one for one in kept if not trainer_of(one.trainer).why_refused(source, one.trainer, one.section)]
        names = " or ".join(claim.trainer for claim in read or kept)
        raise source.error(f"this may be a config of more than one trainer: {what}. Name it with --trainer {names}")
    raise source.error(why_not_recognised(source, TRAINERS))
