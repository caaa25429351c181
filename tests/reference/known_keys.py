"""Collect the keys and defaults of each trainer's own classes into `optax_lr/trainers/known_keys.json`.

    pip download --no-deps -d WHEELS transformers==4.30.2 ... transformers==5.24.0 trl==0.8.6 ... trl==1.16.0
    git clone https://github.com/hiyouga/LLaMA-Factory SOURCES/LLaMA-Factory    (and the others of `SOURCES`)
    python -m tests.reference.known_keys WHEELS SOURCES [NAME ...]

With names, such as `megatron`, only their lists are collected again.

The sources are parsed with `ast`, not imported: old releases cannot be installed next to new ones.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[2] / "optax_lr" / "trainers" / "known_keys.json"
CURVE = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "num_train_epochs", "max_steps"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations", "num_iterations"),
    *("dataloader_drop_last", "steps_per_generation", "generation_batch_size"),
)
# Which files of a repository hold the classes or options that its config files fill; and which classes, where not all do.
SOURCES: dict[str, tuple[str, ...]] = {
    "llamafactory": (
        "hiyouga+LLaMA-Factory",
        r"src/(?:llamafactory|llmtuner)/(?:hparams/(?!evaluation)\w+)\.py|src/utils/config\.py",
    ),
    "axolotl": (
        "axolotl-ai-cloud+axolotl",
        r"src/axolotl/(utils/(schemas|config/models/input)/.*|utils/config/__init__|integrations/\w+/args)\.py",
    ),
    "swift": (
        "modelscope+ms-swift",
        r"swift/(arguments/.*|(llm/)?(trainers|train)/arg\w+|rlhf_trainers/arg\w+|ray_utils/arguments|llm/argument/.*|llm/utils/argument)\.py",
    ),
    "megatron_swift": (
        "modelscope+ms-swift",
        r"swift/(?:megatron/arguments?/(?!export)\w+|(?:llm/argument|arguments)/base_args/\w+)\.py",
    ),
    "megatron": (
        "NVIDIA+Megatron-LM",
        r"(?:megatron/(?:post_training/|inference/|rl/)?)?arguments\.py|pretrain_\w+\.py|megatron/(training/(arguments|config/\w+|\w+_config)|core/(transformer/transformer_config"
        r"|model_parallel_config|optimizer/optimizer_config|distributed/\w*config))\.py",
    ),
    "maxtext": (
        "AI-Hypercomputer+maxtext",
        r"(?i:(?:src/)?maxtext)/configs/(types\.py|base\.yml|post_train/[\w-]+\.yml)",
    ),
    "levanter": ("stanford-crfm+levanter", r"(src/levanter/main|examples)/.*\.py", r"\w+Config"),
    "levanter_trainer": ("stanford-crfm+levanter", r"src/levanter/(trainer|config)\.py", "TrainerConfig"),
    "diffusers": (
        "huggingface+diffusers",
        r"examples/(?:.*/)?train_(?:text_to_image|dreambooth|controlnet|instruct_pix2pix|custom_diffusion|t2i_adapter)\w*\.py"
        r"|examples/textual_inversion/textual_inversion(?:_sdxl)?\.py",
    ),
    "open_instruct": (
        "allenai+open-instruct",
        r"open_instruct/(finetune|dpo_tune_cache|dpo_utils|dataset_transformation)\.py",
        r"FlatArguments|TokenizerConfig|(?!Dataset)\w*Config",
    ),
    **{
        f"openrlhf_{kind}": ("OpenRLHF+OpenRLHF", rf"openrlhf/cli/train_{kind}\.py")
        for kind in ("sft", "dpo", "rm", "kto", "kd", "prm", "ppo", "ppo_ray")
    },
    "torchtitan": ("pytorch+torchtitan", r"torchtitan/(?:config/job_config|config_manager)\.py"),
    "sd_scripts": (
        "kohya-ss+sd-scripts",
        r"(?:library/\w+|\w*train\w*|fine_tune)\.py",
        r"$",  # options alone
    ),
    "verl": (
        "verl-project+verl",
        r"verl/trainer/config/(?:_generated_)?ppo_(?:megatron_)?trainer\.yaml",
    ),
    "verl_sft": (
        "verl-project+verl",
        r"verl/trainer/config/(?:sft_trainer(?:_engine)?|(?:engine|optim)/(?:fsdp|megatron)|model/hf_model|profiler/profiler)\.yaml",
    ),
    "levanter_optimizer": (
        "stanford-crfm+levanter",
        r"src/levanter/(optim/\w+|optim|config)\.py",
        r"(?!Wandb|Train|Check)\w+Config",
    ),
}


# The folders of repositories whose parsers take a flag that is true with a word in front, which makes it false.
NEGATED = {"megatron/": ("no_", "disable_"), "swift/": ("no_",)}


def version(text: str) -> tuple[int, ...]:
    """A version as numbers, for sorting."""
    return tuple(int(part) for part in text.split("."))


def classes(texts: list[str]) -> dict[str, ast.ClassDef]:
    """Every class of the files, by name; without those that only warn that a class of their name has moved."""
    nodes = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    return {node.name: node for node in nodes if [ast.unparse(base) for base in node.bases] != [f"_{node.name}"]}


def fields(name: str, known: dict[str, ast.ClassDef]) -> dict[str, ast.AnnAssign]:
    """The annotated fields of a class and of its bases among `known`."""
    if name not in known:
        return {}
    found: dict[str, ast.AnnAssign] = {}
    for base in reversed(known[name].bases):
        found |= fields(ast.unparse(base).rpartition(".")[2], known)
    for node in known[name].body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            found[node.target.id] = node
    return found


def default_of(node: ast.AnnAssign) -> Any:
    """The literal default of a dataclass field; None where it has none."""
    value = node.value
    if isinstance(value, ast.Call):
        value = next((word.value for word in value.keywords if word.arg == "default"), None)
    try:
        return ast.literal_eval(value) if value is not None else None
    except ValueError:
        return None


def wheels(folder: Path, package: str) -> Iterator[tuple[str, list[str]]]:
    """Each version of a package with the texts of its config classes, oldest first."""
    paths = {path.name.split("-")[1]: path for path in folder.glob(f"{package}-*.whl")}
    wanted = re.compile(r"transformers/training_args\w*\.py|trl/.*(config|args|utils)\w*\.py")
    for number in sorted(paths, key=version):
        with zipfile.ZipFile(paths[number]) as archive:
            yield number, [archive.read(name).decode() for name in archive.namelist() if wanted.fullmatch(name)]


def by_version(folder: Path, package: str) -> dict[str, Any]:
    """For each class: its keys with the last version that has them, and the curve's defaults by version.

    A default is null where the class inherits that of transformers.
    """
    made: dict[str, Any] = {}
    numbers = []
    for number, texts in wheels(folder, package):
        numbers.append(number)
        known = classes(texts)
        wanted = [name for name in known if name.endswith(("Config", "Arguments")) and not name.startswith("_")]
        for name in wanted:
            here = fields(name, known)
            entry = made.setdefault(name, {"first": number, "keys": {}, "defaults": {}})
            for key, node in here.items():
                entry["keys"].setdefault(key, [number, number])[1] = number
                value = default_of(node)
                if key in CURVE and value is not None:
                    inherited = [] if entry["first"] == number else [[entry["first"], None]]
                    history = entry["defaults"].setdefault(key, inherited)
                    if not history or history[-1][1] != value:
                        history.append([number, value])
            for key, history in entry["defaults"].items():
                if key not in here and history[-1][1] is not None:
                    history.append([number, None])  # inherited from transformers again
    for entry in made.values():
        kept = entry["keys"]
        del entry["first"]
        entry["keys"] = " ".join(
            key + (f"<{kept[key][1]}" if kept[key][1] != numbers[-1] else "") for key in sorted(kept)
        )
    return {"versions": numbers, "classes": {name: made[name] for name in sorted(made) if made[name]["keys"]}}


def of_repository(folder: Path, repository: str, pattern: str, names: str = r"\w+") -> dict[str, str]:
    """All keys of the classes of these names, option parsers and YAML files, in every commit that changed them.

    A key that the newest commit does not have is followed by the date of the last such commit that has.
    """
    place = folder / repository
    git = ["git", "-C", str(place / "repo" if (place / "repo").exists() else place)]

    def run(*words: str) -> str:
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True, errors="replace").stdout

    last: dict[str, str] = {}
    seen: dict[str, set[str]] = {}  # by the hash of a file's text
    for line in run("log", "--reverse", "--no-renames", "--name-only", "--format=>%H %cs").splitlines():
        if line.startswith(">"):
            commit, date = line[1:].split()
        elif commit and re.fullmatch(pattern, line):
            last |= dict.fromkeys(keys_at(run, commit, pattern, names, seen), date)
            commit = ""  # whose other files were read with it
    newest = keys_at(run, "HEAD", pattern, names, seen)
    words = [key + ("" if key in newest else f"<{there}") for key, there in sorted(last.items())]
    return {"commit": run("log", "-1", "--format=%h %cs", "HEAD").strip(), "keys": " ".join(words)}


def keys_at(run: Callable[..., str], commit: str, pattern: str, names: str, seen: dict[str, set[str]]) -> set[str]:
    """The keys in one commit; those of each text that was read are kept in `seen`."""
    keys: set[str] = set()
    for line in run("ls-tree", "-r", commit).splitlines():
        blob, name = line.split()[2], line.split("\t")[1]
        if re.fullmatch(pattern, name):
            if blob not in seen:
                text = run("cat-file", "blob", blob)
                if name.endswith(".yaml"):
                    group = name.rpartition("/config/")[2].rpartition("/")[0]  # as in `optim/fsdp.yaml`
                    seen[blob] = set(nested_keys(yaml.safe_load(text), f"{group}." if group else ""))
                else:
                    negated = next((words for start, words in NEGATED.items() if name.startswith(start)), ())
                    seen[blob] = keys_in(text, names, yml=name.endswith(".yml"), negated=negated)
            keys |= seen[blob]
    return keys


def nested_keys(values: dict[str, Any], above: str) -> Iterator[str]:
    """The dotted keys of Hydra's configs; an empty section is a key, below which there may be any."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from nested_keys(value, f"{above}{key}.")
        elif key not in ("defaults", "_target_"):
            yield f"{above}{key}"


def keys_in(text: str, names: str, *, yml: bool, negated: tuple[str, ...]) -> set[str]:
    """The keys in one file; `negated` has what a parser made of dataclasses puts in front of a flag that is true."""
    if yml:
        return set(re.findall(r"(?m)^(\w+):", text))
    options = re.findall(r"add_argument\(\s*['\"]--([\w.-]+)", text)
    for name, values in re.findall(r"for (\w+) in \(([^)]*)\):", text):  # and those of a loop over prefixes
        endings = re.findall(rf"add_argument\(\s*f['\"]--{{{name}}}([\w.-]+)", text)
        options += [value + ending for value in re.findall(r"\w+", values) for ending in endings]
    options += re.findall(r"--([\w-]+)", " ".join(re.findall(r'"arg_names": \[([^]]*)\]', text)))
    keys = {key.replace("-", "_") for key in options}
    try:
        found = classes([text])
    except SyntaxError:  # as some old commits have them
        return keys
    for made in found.values():
        if not re.fullmatch(names, made.name):
            continue
        for node in made.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                keys.add(node.target.id)
                keys |= set(re.findall(r"\balias='(\w+)'", ast.unparse(node)))
                if default_of(node) is True:
                    keys |= {f"{word}{node.target.id}" for word in negated}
    return keys


def packages(folder: Path) -> dict[str, Any]:
    """The classes of transformers, and those of TRL without the keys that they inherit from it."""
    made: dict[str, Any] = {name: by_version(folder, name) for name in ("transformers", "trl")}
    inherited = {
        word.partition("<")[0] for word in made["transformers"]["classes"]["TrainingArguments"]["keys"].split()
    }
    for entry in made["trl"]["classes"].values():
        entry["keys"] = " ".join(word for word in entry["keys"].split() if word.partition("<")[0] not in inherited)
    return made


def main() -> None:
    """Write the file."""
    wheel_folder, source_folder, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    made: dict[str, Any] = json.loads(TARGET.read_text()) if names else packages(wheel_folder)
    made |= {name: of_repository(source_folder, *SOURCES[name]) for name in names or SOURCES}
    TARGET.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
