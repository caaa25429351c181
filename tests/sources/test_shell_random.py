"""Random shell scripts, in which every test is decided by literals, run the same commands as in bash."""

import os
import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from optax_lr.sources.shell import commands_of

NAMES = ("A", "B", "C", "D")


class Writer:
    """Writes a script; every variable has a value from the beginning, and `f` is defined where it is called."""

    def __init__(self, random: random.Random) -> None:
        self.random = random

    def name(self):
        return self.random.choice(NAMES)

    def word(self):
        name = self.name()
        words = [
            "1",
            "7b",
            "a,b",
            "x.yaml",
            f"${name}",
            f'"${name}"',
            f"${{{name}:-q}}",
            f'"p${{{name}}}q"',
            f'"p"\\${name}"q"\\q',
            "$((2 + N * 3))",
            f"$(echo ${name})",
            f'"$({name}=r; printf %s "${name}"; [ $N = 4 ] && echo s || echo t)"',
            f"$(echo a${name} | tr a b)",
        ]
        return self.random.choice(words)

    def condition(self):
        name, word = self.name(), self.random.choice(["1", "x", "7b"])
        tests = [
            f'[ "${name}" = {word} ]',
            f"[[ ${name} != {word} ]]",
            f'[ -n "${name}" ]',
            f'! [ -z "${name}" ]',
            "[ $N -gt 3 ]",
        ]
        tests += ["true", "false", f"[[ -z ${name} || ${name} == {word} ]]", f'[ "${name}" != {word} ] && [ $N -le 4 ]']
        return self.random.choice(tests)

    def assignment(self):
        return self.random.choice(
            [f"{self.name()}={self.word()}", f"{self.name()}+=z", f"export {self.name()}={self.word()}"]
        )

    def statement(self, depth=0):
        kinds = [*([lambda: f"cat <<E > f && run {self.word()}\n{self.word()}\nE"] if not depth else [])]
        kinds += [lambda: f"echo 'run $1 {self.word()}; A=5' > f; . ./f {self.word()}"]
        kinds += [lambda: f"echo 'run $1 $#; A=5' > f; bash ./f {self.word()} 1"]
        kinds += [lambda: f"echo {self.name()}=7b | tee f | cat > g; mv g h; cp h k; . ./k; run $A$B"]
        kinds += [self.assignment, lambda: f"run {self.word()} --o={self.word()}"]
        if depth < 3:
            kinds += [
                lambda: (
                    f"if {self.condition()}; then {self.block(depth)}; elif {self.condition()}; then {self.block(depth)}; else {self.block(depth)}; fi"
                ),
                lambda: f"{self.condition()} && {self.assignment()} || {self.assignment()}",
                lambda: (
                    f"case ${self.name()} in 1) {self.block(depth)};; x|7b) {self.block(depth)};; *z*) {self.block(depth)};; *) :;; esac"
                ),
                lambda: f"for {self.name()} in {self.word()} {self.word()}; do {self.block(depth)}; done",
                lambda: f'f() {{ local {self.name()}=$1; shift; {self.assignment()}; run "$@"; }}; f {self.word()} 2',
            ]
        return self.random.choice(kinds)()

    def block(self, depth):
        return "; ".join(self.statement(depth + 1) for _ in range(self.random.randint(1, 2)))

    def script(self):
        return "\n".join(["A=1; B=2; C=x; D=z; N=4", *(self.statement() for _ in range(6))])


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_script_of_literals_runs_the_commands_that_bash_runs(tmp_path_factory, random):
    script = Writer(random).script()
    folder = tmp_path_factory.mktemp("bash")
    (folder / "run").write_text("#!/bin/bash\nprintf '%s\\x1f' \"$@\" >> log\necho >> log\n")
    (folder / "run").chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script], env=environment, cwd=folder, check=False, capture_output=True)
    log = (folder / "log").read_text() if (folder / "log").exists() else ""
    real = [line.split("\x1f")[:-1] for line in log.splitlines()]
    called = [made.words[1:] for made in commands_of("a.sh", script) if made.words[0] == "run"]
    uncalled = called[len(real) :]  # functions in branches that do not run
    assert [list(words) for words in called[: len(real)]] == real, script
    assert not uncalled or "f()" in script, script
