"""`axolotl train`, which starts a launcher with the words behind two dashes."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.launchers.words import Inner, Launched, options_of
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes

_HEADS = {"accelerate": ["accelerate", "launch"], "torchrun": ["torchrun"]}
_OWN = ("--launcher", "--num-processes", "--num_processes", "--main-process-port", "--main_process_port")


def axolotl(words: list[str], environment: Mapping[str, str], inner: Inner) -> Launched:
    """The processes of accelerate, or of the launcher that `--launcher` names; other subcommands start none.

    Source: `axolotl.cli.utils.train.launch_training`.
    """
    end = words.index("--") if "--" in words else len(words)
    options, _ = options_of(words[1:end])
    rest = [
        word
        for before, word in zip(["", *words], words[:end], strict=False)
        if word.partition("=")[0] not in _OWN and before not in _OWN
    ]
    launcher = str(readable(options.get("launcher", "accelerate")))
    if words[1:2] != ["train"]:
        return Launched("", rest, None)
    if launcher not in _HEADS:
        return Launched("", rest, Processes(1 if launcher == "python" else None, f"axolotl --launcher {launcher}"))
    given = options.get("num_processes")
    own = ["--num_processes", given] if launcher == "accelerate" and isinstance(given, str) else []
    below = inner([*_HEADS[launcher], *own, *words[end + 1 :], "-m", "axolotl.cli.train"], environment)
    return Launched("", rest, below.processes)
