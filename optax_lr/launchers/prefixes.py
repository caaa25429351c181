"""Commands that start another command as it is, such as `nohup`, `env A=1`, `timeout 1h` and `uv run --with x`."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping

from optax_lr.sources.marks import MARK
from optax_lr.text import words as words_of

# Their options with a value, and the number of words before the command, by the manuals of GNU coreutils and util-linux.
_PREFIXES: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("nohup", "command", "unbuffer", "setsid"), ("", 0)),
    "env": ("-u --unset -C --chdir", 0),
    "exec": ("-a", 0),
    "flock": ("-w --wait --timeout -E --conflict-exit-code", 1),
    "ionice": ("-c --class -n --classdata", 0),
    "nice": ("-n --adjustment", 0),
    "numactl": ("-N --cpunodebind -m --membind -C --physcpubind -i --interleave -p --preferred", 0),
    "stdbuf": ("-i --input -o --output -e --error", 0),
    "sudo": ("-u --user -g --group -h --host -C -D --chdir", 0),
    "taskset": ("", 1),
    "time": ("-f --format -o --output", 0),
    "timeout": ("-k --kill-after -s --signal", 1),
}
_RUNNERS = words_of("uv poetry pdm pixi pipenv hatch rye conda mamba micromamba")  # by their subcommand `run`
_OF_RUNNERS = "-n -p -e -C --name --prefix --environment --with --python --extra --group --chdir --directory --project"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def without_prefixes(words: list[str], environment: dict[str, str]) -> list[str]:
    """The command behind assignments, which `environment` gets, and prefixes.

    >>> without_prefixes("timeout -k 5 3600 env A=1 python train.py".split(), {})
    ['python', 'train.py']
    """
    while words:
        head, rest = os.path.basename(words[0]), words[1:]
        runs = head in _RUNNERS and rest[:1] == ["run"]
        if assigned := _ASSIGNMENT.fullmatch(words[0]):
            environment[assigned[1]] = assigned[2]
            words = rest
        elif MARK.fullmatch(words[0]) and rest and _ASSIGNMENT.fullmatch(rest[0]):
            words = rest  # an unknown word before an assignment is one itself
        elif head in _PREFIXES or runs:
            valued, operands = _PREFIXES.get(head, (_OF_RUNNERS, 0))
            words = rest[1:] if runs else rest
            while words and words[0].startswith("-"):
                words = words[2 if words[0] in valued.split() else 1 :]
            words = words[operands:]
        else:
            break
    return words
