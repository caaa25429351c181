"""kohya's sd-scripts: `accelerate launch train_network.py ...` with options or `--config_file FILE.toml`, and that file itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from optax_lr.numerics import Real
from optax_lr.sources.documents import document_of
from optax_lr.sources.errors import STATE, ConfigError
from optax_lr.sources.files import text_of
from optax_lr.sources.source import Source, count_of
from optax_lr.trainers.accelerate_scripts import Loop
from optax_lr.trainers.base import Data, Reading, Recognised, key_list
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.known import ever
from optax_lr.trainers.settings import ARGPARSE, STRICT, Settings, finite_number, one_of
from optax_lr.trainers.usual_names import state_with

_NETWORK = frozenset({"network_module", "network_dim"})
_RATES = frozenset({"unet_lr", "text_encoder_lr"})
_RUN = frozenset({"max_train_steps", "max_train_epochs", "dataset_config", "save_model_as", "prior_loss_weight"})
_DEFAULTS: Mapping[str, object] = {
    "learning_rate": 2e-6,
    "lr_scheduler": "constant",
    "lr_warmup_steps": 0,
    "max_train_steps": 1600,
    "train_batch_size": 1,
    "gradient_accumulation_steps": 1,
}
_CYCLES, _FLOOR, _SCALE = "lr_scheduler_num_cycles", "lr_scheduler_min_lr_ratio", "lr_scheduler_timescale"
_DECAY = "lr_decay_steps"
_SIZES = ("train_batch_size", "gradient_accumulation_steps")
# The keys of each kind, besides that of the warmup.
_KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "linear": (),
    "cosine": (),
    "cosine_with_restarts": (_CYCLES,),
    "polynomial": ("lr_scheduler_power",),
    "constant": (),
    "constant_with_warmup": (),
    "inverse_sqrt": (_SCALE,),
    "cosine_with_min_lr": (_CYCLES, _FLOOR),
    "warmup_stable_decay": (_CYCLES, _FLOOR, _DECAY),
}
_NOT_READ = ("lr_scheduler_type", "lr_scheduler_args", "block_lr", "initial_step", "initial_epoch")
_DATA = frozenset({"train_data_dir", "dataset_config", "in_json", "dataset_class"})
_OTHER_RATES = re.compile(r"learning_rate_te\d?|(?:self_attn|cross_attn|mlp|mod|llm_adapter)_lr")
_OF_THE_GUI = {
    "epoch": "a key of the kohya_ss GUI; that of sd-scripts is max_train_epochs",
    "noise_offset_type": "a key of the kohya_ss GUI",
}
_NO_BATCH = (
    "the batch is in the file of dataset_config, and --set dataset_config=null --set train_batch_size=VALUE gives one for "
    "all images"
)
_OF_A_KIND = tuple(dict.fromkeys(key for keys in _KEYS_OF.values() for key in keys))


class SdScripts(Loop):
    """kohya's sd-scripts, except those for ControlNets.

    Source: `get_scheduler_fix` and `get_optimizer` in `library.train_util`, `NetworkTrainer.train` in `train_network`.
    """

    name = "sd-scripts"
    title = "kohya's sd-scripts"
    fine_tunes = False
    varies = False
    names_rates = True
    file_option = "config_file"
    programs = (
        r"(?:.*/)?(?:(?:sdxl_|flux_|sd3_|lumina_|anima_|hunyuan_image_)?train_network|(?:sdxl|flux|sd3|lumina|anima)_train"
        r"|train_db|(?:sdxl_)?train_textual_inversion(?:_XTI)?)\.py"
    )
    no_length = "max_train_epochs needs the number of images times their repeats (num_examples=..., --num-examples)"
    renamed = {
        "lr_scheduler_type": "lr_scheduler",
        "warmup_steps": "lr_warmup_steps",
        "max_steps": "max_train_steps",
        "num_train_epochs": "max_train_epochs",
        "per_device_train_batch_size": "train_batch_size",
    }
    names = frozenset({"gradient_accumulation_steps", *renamed}) - {"lr_scheduler_type"}
    options = ever("sd_scripts")

    def evidence(self, source: Source) -> str | None:
        """Keys that only these scripts have together, at the top level or in sections of any name."""
        keys = {key for key, value in _flat(source.values)[0].items() if value is not None}
        networks, own = _NETWORK & keys, (_RATES | _RUN) & keys
        files = {"pretrained_model_name_or_path", "output_name"} <= keys
        ours = source.form in ("toml", "mapping") or (source.program is not None and keys <= self.options)
        return key_list(networks | own) if ours and ((networks and (own or files)) or (files and own)) else None

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        if key in _OF_A_KIND:
            return key in _KEYS_OF.get(str(values.get("lr_scheduler")), ())
        if key == "dataset_repeats":
            return False  # the number of examples is that with the repeats
        if key in _SIZES:
            return values.get("max_train_epochs") is not None
        return key in _RATES or super().decides(key, values)

    def config_file(self, source: Source) -> str | None:
        name = super().config_file(source)
        return name if name is None or name.endswith(".toml") else f"{name}.toml"

    def read(self, source: Source, found: Recognised) -> Reading:
        """The rate of the first group of parameters that is trained, and its schedule."""
        values, twice = _flat(source.values)
        for key in twice:
            if self.decides(key, values):
                if len(runs := _runs_of(source.values)) > 1:
                    raise source.error(
                        f"sections {', '.join(runs)} each hold a run; write one of them to a file of its own"
                    )
                raise source.error(f"{key} has two values in sections of the file; sd-scripts takes the last, keep one")
        if isinstance(several := values.get("text_encoder_lr"), list):  # one for each text encoder
            values["text_encoder_lr"] = next(iter(several), None)
        gui = {key: why for key, why in _OF_THE_GUI.items() if key not in source.command.options}
        strange = self.unknown(source, values, self.options.union(gui))
        if source.program is not None and not {"pretrained_model_name_or_path", *_NETWORK} & values.keys():
            raise source.error(
                "--pretrained_model_name_or_path of sd-scripts is not given; if this is another program, name its trainer with "
                "--trainer"
            )
        data = _data_set(source, values)
        values |= data or {}
        by_epochs = values.get("max_train_epochs") is not None
        unstated = [key for key in _SIZES if key in values and not (by_epochs or count_of(values[key]))]
        values |= dict.fromkeys(unstated)
        keys = Keys(source.name, values, STRICT if source.form == "toml" else ARGPARSE, _DEFAULTS)
        keys.refuse(_NOT_READ, f"of sd-scripts is not read; {state_with(source)}")
        kind = one_of(f"{source.name}: lr_scheduler", keys["lr_scheduler"], _KEYS_OF)
        notes = [*_of_the_optimizer(keys)]
        notes += [f"{key} is that of the data set in {values['dataset_config']}" for key in data or () if by_epochs]
        rates = self._rates(source, keys)
        rate = rates[0][1]
        warmup = _steps(keys, "lr_warmup_steps")
        if kind == "constant" and warmup:
            raise source.error("sd-scripts refuses lr_warmup_steps with constant; write constant_with_warmup")
        steps = None if by_epochs else keys.whole("max_train_steps", least=1)
        settings = self.settings_of(
            keys,
            {
                "learning_rate": rate,
                "max_steps": steps,
                "warmup_steps": warmup,
                "lr_scheduler_kwargs": _keywords(keys, kind, rate),
            },
            lr_scheduler_type=kind,
            own={
                "decay": _steps(keys, _DECAY) if kind == "warmup_stable_decay" else 0,
                "scale": keys.whole(_SCALE) if kind == "inverse_sqrt" else 0,
                "no_length": _NO_BATCH if keys.get("dataset_config") and data is None else "",
                "processes": 1,
            },
        )
        without = {"max_train_steps"} if by_epochs else {*_SIZES}
        without |= {"lr_warmup_steps"} if kind == "constant" else set()
        without |= set() if kind == "polynomial" or "learning_rate" in dict(rates) else {"learning_rate"}
        defaults = keys.defaults(self.title, without=without)
        notes += [*_of_the_rates(keys, rates), *_of_the_length(keys, unstated, by_epochs=by_epochs)]
        assumed = [default.key for default in defaults]
        if source.program is None and "max_train_steps" in assumed and not (_DATA & values.keys()):
            notes.append(
                "the file names no data set: the command that starts this run does, and may also state the length"
            )
            assumed.remove("max_train_steps")
        if strange and assumed:
            what, absent = ", ".join(strange[:3]), ", ".join(assumed)
            notes.append(f"{what}: not of sd-scripts; the program that reads this may have other defaults for {absent}")
        useless = {key: f"{kind} does not take it" for key in _OF_A_KIND if key not in _KEYS_OF[kind]} | gui
        useless |= {"max_train_steps": "max_train_epochs decides"} if by_epochs else {}
        return Reading(
            settings,
            tuple((key, why) for key, why in useless.items() if values.get(key)),
            tuple(notes),
            defaults,
            strange,
            refused=tuple(key for key in strange if key in source.command.options),
        )

    def _rates(self, source: Source, keys: Keys) -> list[tuple[str, float]]:
        """The keys of the rates of the groups that are trained, each with its value; the U-Net's comes first.

        A rate of 0 leaves a group out.
        """
        named = re.fullmatch(self.programs, source.program_name)
        networks = "network" in source.program_name if named else (_NETWORK | _RATES) & keys.given.keys()
        if not networks:
            return [("learning_rate", keys.number("learning_rate"))]
        groups = [("network_train_text_encoder_only", "unet_lr"), ("network_train_unet_only", "text_encoder_lr")]
        chosen = [key if key in keys else "learning_rate" for without, key in groups if not keys.flag(without)]
        rates = [(key, keys.number(key)) for key in dict.fromkeys(chosen) if keys.number(key)]
        if not rates:
            raise source.error(f"{' and '.join(chosen) or 'every rate'} is 0, so that nothing is trained")
        return rates

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Batches, and groups of all processes together, rounded up."""
        batches = -(-data.examples // settings.per_device_train_batch_size)
        return -(-batches // (data.processes * settings.gradient_accumulation_steps))

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the number of processes, because each one steps the scheduler."""
        return settings.also(processes=processes)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        return _updates(settings, "lr_warmup_steps", settings.warmup_steps, max_steps)

    def filled_keywords(self, settings: Settings, max_steps: Real, warmup_steps: Real) -> dict[str, object]:
        own, kind = settings.own, settings.lr_scheduler_type
        if kind == "warmup_stable_decay":
            decay = _updates(settings, _DECAY, own["decay"], max_steps)
            return {"num_decay_steps": decay, "num_stable_steps": max_steps - warmup_steps - decay}
        if kind == "inverse_sqrt":
            return {"timescale": (own["scale"] or warmup_steps * own["processes"] or 10_000) / own["processes"]}
        return {}


def _updates(settings: Settings, key: str, given: float, max_steps: int) -> int:
    """Steps of the scheduler, or a share of them, as updates: every process steps it once an update."""
    processes: int = settings.own["processes"]
    steps = int(given * max_steps * processes if isinstance(given, float) else given)
    if steps % processes:
        raise settings.error(
            f"{key} is {steps} steps of the scheduler, and {processes} processes step it {processes} times an update; "
            f"give a multiple of {processes}"
        )
    return steps // processes


def _flat(values: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """The keys without their sections, and those that two sections give two values.

    A key behind the sections is one that the caller gives, as TOML has its keys without a section first.
    """
    flat: dict[str, object] = {}
    twice: list[str] = []
    for key, value in values.items():
        for name, inner in value.items() if isinstance(value, Mapping) else ():
            first = flat.setdefault(name, inner)
            if first != inner and not (name == "optimizer_type" and str(first).lower() == str(inner).lower()):
                twice.append(name)
            flat[name] = inner
        if not isinstance(value, Mapping):
            flat[key] = value
            twice = [name for name in twice if name != key]
    return flat, twice


def _data_set(source: Source, values: Mapping[str, object]) -> dict[str, object] | None:
    """The keys that the file of `dataset_config` decides, where it has one data set; None where that is not certain.

    Source: `BlueprintGenerator.generate` in `library.config_util`, which takes a key of the data set, else of `general`.
    """
    name = values.get("dataset_config")
    path, _ = source.file(name) if isinstance(name, str) else (None, False)
    if path is None:
        return None
    try:
        file = document_of(
            str(name), text_of(str(path)), form="json" if path.suffix == ".json" else "toml", folder=None
        )
    except ConfigError:
        return None
    sets, general = file.values.get("datasets"), file.values.get("general", {})
    if not (
        isinstance(sets, list) and len(sets) == 1 and isinstance(sets[0], Mapping) and isinstance(general, Mapping)
    ):
        return None
    stated = {**general, **sets[0]}
    batch, buckets = stated.get("batch_size"), stated.get("enable_bucket")
    if batch is not None and count_of(batch) is None:
        return None
    return ({} if batch is None else {"train_batch_size": batch}) | ({"enable_bucket": True} if buckets is True else {})


def _runs_of(values: Mapping[str, object]) -> list[str]:
    """The sections that have a model and a rate, each a run for a program that takes one of them."""
    needed = {"pretrained_model_name_or_path", "learning_rate"}
    return [key for key, inner in values.items() if isinstance(inner, Mapping) and needed <= inner.keys()]


def _of_the_optimizer(keys: Keys) -> Iterator[str]:
    """A note where the optimizer scales the rates by an estimate of its own.

    Raises:
        ConfigError: for an optimizer that does without the scheduler.
    """
    name, given = str(keys.get("optimizer_type", "")).lower(), keys.get("optimizer_args", [])
    words = dict(str(word).partition("=")[::2] for word in (given if isinstance(given, list) else [given]))
    if name == "adafactor" and (words.get("relative_step") != "False" or words.get("warmup_init") == "True"):
        raise keys.error(f"Adafactor computes its rates itself unless optimizer_args has relative_step=False; {STATE}")
    if name.endswith("schedulefree"):
        raise keys.error("sd-scripts runs no scheduler with a schedule-free optimizer; its rate is constant")
    if re.search("prodigy|dadapt", name):
        yield "optimizer_type: the optimizer multiplies these rates by an estimate of its own"


def _of_the_rates(keys: Keys, rates: Sequence[tuple[str, float]]) -> Iterator[str]:
    """Notes on the rates of other parameters than those of the plan, the first of `rates`."""
    (main, rate), *others = rates
    for key, other in others:
        if other != rate:
            yield f"{key}: the rate of the text encoder is {other:g}; the plan is that of {main}, {rate:g}"
    own = [key for key in keys.given if _OTHER_RATES.fullmatch(key)]
    for key in [*own, "network_args"] if "lr" in str(keys.get("network_args")) else own:
        yield f"{key}: other parameters have rates of their own; the plan is that of {main}"


def _of_the_length(keys: Keys, unstated: Sequence[str], *, by_epochs: bool) -> Iterator[str]:
    """Notes on the number of updates."""
    if unstated:
        yield f"{', '.join(unstated)}: not known, and without effect on the curve"
    if by_epochs:
        yield "the examples are the images times their repeats; regularization images double their number"
        if keys.whole("train_batch_size") > 1:
            rest = "each bucket has a smaller last batch, so that an epoch may have more steps"
            if keys.flag("enable_bucket"):
                yield f"enable_bucket: {rest}"
            elif keys.get(
                "in_json"
            ):  # `FineTuningDataset` takes the sizes in the file for buckets, whatever `enable_bucket` says
                yield f"in_json: where that file has train_resolution, {rest}"


def _steps(keys: Keys, key: str) -> float:
    """Steps of the scheduler as an int, or a share of them as a float; text as `int_or_float` of the parser takes it.

    >>> keys = Keys("run.sh", {"lr_warmup_steps": "10%", "lr_decay_steps": "100"}, ARGPARSE)
    >>> _steps(keys, "lr_warmup_steps"), _steps(keys, "lr_decay_steps")
    (0.1, 100)
    """
    value = keys.get(key, 0)
    if keys.rules.text and str(value).endswith("%"):
        value = finite_number(f"{keys.source}: {key}", str(value)[:-1], ARGPARSE) / 100
    number = finite_number(f"{keys.source}: {key}", value, keys.rules)
    share = isinstance(value, float) or number < 1
    if number < 0 or (share and number > 1):
        raise keys.error(f"{key} must be a whole number of steps, or a share of them from 0 to 1, not {value}")
    return float(number) if share else keys.whole(key)


def _keywords(keys: Keys, kind: str, rate: float) -> dict[str, object]:
    """The keywords of the schedule that do not depend on its length."""
    if kind == "polynomial":  # whose floor is that of learning_rate, as a share for every group
        base = keys.number("learning_rate")
        if base <= 1e-7:
            raise keys.error(f"polynomial needs a learning_rate above 1e-7, not {base:g}, for every group")
        return {"power": keys.number("lr_scheduler_power", 1), "lr_end": 1e-7 / base * rate}
    if _CYCLES not in _KEYS_OF[kind]:
        return {}
    cycles = keys.number(_CYCLES, 1)
    if kind == "cosine_with_restarts":
        return {"num_cycles": cycles}
    if kind == "cosine_with_min_lr" and _FLOOR not in keys:
        raise keys.error(f"cosine_with_min_lr needs {_FLOOR}")
    floor = "min_lr_rate" if kind == "cosine_with_min_lr" else "min_lr_ratio"
    return {"num_cycles": cycles / 2, floor: keys.number(_FLOOR)}
