"""Random Python scripts: what is read without a note is what the script has when it runs."""

import contextlib
import random

import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr

HEAD = """
import dataclasses
from types import SimpleNamespace
from transformers import TrainingArguments
LR, EPOCHS, SMALL, MODE, PARTS = 1e-4, 3, False, "a", [1, 2]
class CFG:
    lr = 1e-4
    epochs = 2
@dataclasses.dataclass
class Options:
    lr: float = 1e-4
    epochs: int = 2
given = {"lr": 1e-4, "epochs": 4}
space, options = SimpleNamespace(lr=1e-4, epochs=2), Options()
"""


class Writer:
    """Writes a script that makes arguments from constants, which it changes in several ways."""

    def __init__(self, random: random.Random) -> None:
        self.random = random

    def rate(self):
        return self.random.choice(["2e-5", "3e-4", "5e-6"])

    def value(self, kind):
        constant = self.rate() if kind == "lr" else self.random.choice("57")
        name = "LR" if kind == "lr" else "EPOCHS"
        values = [constant, name, f"CFG.{kind}", f'given["{kind}"]', f"space.{kind}", f"options.{kind}", f"{name} * 2"]
        return self.random.choice(
            [*values, f'given.get("{kind}", 5)', f"({constant} if SMALL else {name})", f"max({name}, 1)"]
        )

    def change(self):
        rate = self.rate()
        return self.random.choice([
            f"LR = {self.value('lr')}", f"CFG.lr = {rate}", f'given["lr"] = {rate}', f"given.update(lr={rate})", "EPOCHS += 1",
            f"space.lr = {rate}", f"setattr(space, 'lr', {rate})", f"for LR in [{rate}, 1e-5]:\n    pass", "CFG.epochs += 1",
            f"if SMALL:\n    LR = {rate}", "if MODE == 'a':\n    EPOCHS = 5\nelse:\n    EPOCHS = 7", f"(LR := {rate})",
            f"def change():\n    global LR\n    LR = {rate}\nchange()", f"LR, EPOCHS = {rate}, 5", "SMALL = not SMALL",
            f"try:\n    LR = {rate}\nexcept OSError:\n    LR = 1e-5", "given |= {'epochs': 7}", "while EPOCHS > 2:\n    EPOCHS -= 1",
        ])  # fmt: skip

    def arguments(self):
        keywords = f"learning_rate={self.value('lr')}, num_train_epochs={self.value('epochs')}"
        return self.random.choice([
            f"args = TrainingArguments('o', {keywords})",
            f"keywords = dict({keywords})\nargs = TrainingArguments('o', **keywords)",
            f"keywords = dict({keywords})\nkeywords['learning_rate'] = {self.rate()}\nargs = TrainingArguments('o', **keywords)",
            f"keywords = dict({keywords})\n{self.keyword()}\n{self.keyword()}\nargs = TrainingArguments('o', **keywords)",
            f"def make(lr, epochs=5):\n    return TrainingArguments('o', learning_rate=lr, num_train_epochs=epochs)\nargs = make({self.value('lr')})",
            f"def make():\n    LR = {self.rate()}\n    return TrainingArguments('o', learning_rate=LR)\nargs = make()",
            f"if MODE == '{self.random.choice('ab')}':\n    args = TrainingArguments('o', {keywords})\nelse:\n    args = TrainingArguments('o')",
        ])  # fmt: skip

    def keyword(self):
        rate = self.rate()
        return self.random.choice([
            "", f"if SMALL:\n    keywords['learning_rate'] = {rate}", f"if len(PARTS) > 1:\n    keywords['learning_rate'] = {rate}",
            f"for value in [{rate}]:\n    keywords['learning_rate'] = value", f"keywords.update({{'learning_rate': {rate}}})",
            f"same = keywords\nsame['learning_rate'] = {rate}", f"other = dict(keywords)\nother['learning_rate'] = {rate}",
            f"def change(words):\n    words['learning_rate'] = {rate}\nchange(keywords)", "del keywords['num_train_epochs']",
            f"def change():\n    keywords['learning_rate'] = {rate}\nchange()", f"held = [keywords]\nheld[0]['learning_rate'] = {rate}",
            "keywords = {key: value for key, value in keywords.items() if value is not None}", f"keywords |= {{'learning_rate': {rate}}}",
            "keywords.pop('num_train_epochs')", f"keywords = keywords | {{'learning_rate': {rate}}}", "keywords.setdefault('num_train_epochs', 5)",
        ])  # fmt: skip

    def later(self):
        rate = self.rate()
        return self.random.choice([
            "", f"args.learning_rate = {rate}", "setattr(args, 'num_train_epochs', 7)", f"if SMALL:\n    args.learning_rate = {rate}",
            "args.num_train_epochs += 1", f"for key, value in [('learning_rate', {rate})]:\n    setattr(args, key, value)",
            f"def change(args):\n    args.learning_rate = {rate}\nchange(args)", f"args.set_optimizer(learning_rate={rate})",
        ])  # fmt: skip

    def script(self):
        changes = [self.change() for _ in range(self.random.randint(0, 2))]
        return "\n".join([HEAD, *changes, self.arguments(), self.later()])


class NestedWriter(Writer):
    """Writes a script whose dict has dicts, and that changes entries of them, also under other names."""

    def key(self):
        return self.random.choice(["['a']", "['b']"])

    def entry(self, kind):
        key = self.random.choice(["", self.key()])
        return self.random.choice([f"conf{key}['{kind}']", f"conf{self.key()}.get('{kind}', 9)", f"one['{kind}']"])

    def change(self):
        rate, key, kind, entry = self.rate(), self.key(), self.random.choice(["lr", "epochs"]), self.entry
        return self.random.choice([
            f"conf{key}['{kind}'] = {rate}", f"conf['{kind}'] = {rate}", f"conf{key} = {{'lr': {rate}, 'epochs': 8}}",
            f"one['{kind}'] = {rate}", f"one = conf{key}", f"two = conf{key}\ntwo['{kind}'] = {rate}", f"conf{key} = one",
            f"for part in [conf{key}]:\n    part['{kind}'] = {rate}", f"conf['lr'] = {entry('lr')}", f"one['lr'] = {entry('lr')}",
            f"def change(c):\n    c['{kind}'] = {rate}\nchange(conf{key})", f"def change(c):\n    c['{kind}'] = {rate}\nchange(conf)",
            f"def change():\n    conf{key}['{kind}'] = {rate}\nchange()", f"conf{key}.update({kind}={rate})", f"conf = {{**conf, 'lr': {rate}}}",
            f"if len(conf) > 2:\n    conf{key}['{kind}'] = {rate}", f"held = {{'x': conf{key}}}\nheld['x']['{kind}'] = {rate}",
            f"del conf{key}['{kind}']\nconf{key}['{kind}'] = {rate}", f"one = dict(conf{key})", "conf['lr'] *= 2", "one['epochs'] += 1",
            f"for _ in range(2):\n    conf['epochs'] = conf{key}['epochs'] + 1\n    conf{key}['epochs'] += 1", f"conf.setdefault('lr', {rate})",
            f"one = conf['a'] = {{'lr': {rate}, 'epochs': 8}}", f"pair = [one, conf{key}]\npair[1]['{kind}'] = {rate}", f"one, two = conf{key}, one",
        ])  # fmt: skip

    def script(self):
        conf = "conf = {'a': {'lr': 1e-3, 'epochs': 2}, 'b': {'lr': 2e-3, 'epochs': 3}, 'lr': 3e-3, 'epochs': 4}\none = conf['a']"
        changes = [self.change() for _ in range(self.random.randint(1, 3))]
        call = "TrainingArguments('o', learning_rate={}, num_train_epochs={})"
        made = call.format(self.entry("lr"), self.entry("epochs"))
        inner = call.format(self.random.choice(["c['lr']", "c['a']['lr']"]), "c['b']['epochs']")
        made = self.random.choice([made, f"(lambda: {made})()", f"make(conf)\ndef make(c):\n    return {inner}"])
        if made.startswith("make"):
            made, defined = made.split("\n", 1)
            changes.append(defined)
        return "\n".join(["from transformers import TrainingArguments", conf, *changes, f"args = {made}"])


@pytest.mark.parametrize("writer", [Writer, NestedWriter])
@settings(max_examples=80, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_a_script_that_is_read_without_a_note_has_these_values(tmp_path_factory, writer, random):
    script = writer(random).script()
    run: dict[str, object] = {"__name__": "script"}
    exec(compile(script, "script.py", "exec"), run)
    path = tmp_path_factory.mktemp("python") / "script.py"
    path.write_text(script)
    configs = []
    with contextlib.suppress(olr.ConfigError):
        configs = olr.read_configs(path)
    if configs and not any(config.notes for config in configs):
        (config,) = configs
        real = (run["args"].learning_rate, run["args"].num_train_epochs)
        assert (config.settings.learning_rate, config.settings.num_train_epochs) == real, script
