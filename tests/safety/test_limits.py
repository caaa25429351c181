"""The worst files of each reader: refused in one line, within a second of CPU time and 300 MB."""

import json
import sys

import pytest

from tests.children import printed_by

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux counts the memory")

SIZE = 2**18 - 100
CELL = {"cell_type": "code", "source": "a=1"}
# Files that would take minutes or gigabytes without limits.
FILES = {
    "many values.yaml": "".join(f"k{n}: 1\n" for n in range(25_000)),
    "list.yaml": "learning_rate: [" + "1," * 120_000 + "]\n",
    "nested.yaml": "learning_rate: " + "[" * 130_000,
    "dashes.yaml": "- " * 120_000 + "1\n",
    "aliases.yaml": "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)),
    "documents.yaml": "---\na: 1\n" * 25_000,
    "sexagesimal.yaml": "learning_rate: 1" + ":59" * 80_000 + "\nmax_steps: 9\n",
    "tagged.yaml": "learning_rate: !!int '1" + ":59" * 80_000 + "'\nmax_steps: 9\n",
    "keywords.yaml": "learning_rate: 1.0\nmax_steps: 9\nlr_scheduler_kwargs: {" + ",".join(f"k{n}: 1" for n in range(4_900)) + "}\n",
    "fewer keywords.yaml": "learning_rate: 1.0\nmax_steps: 9\nlr_scheduler_kwargs: {" + ",".join(f"k{n}: 1" for n in range(2_400)) + "}\n",
    "references.yaml": "stage: sft\nlearning_rate: 1\nx0: {a: 1}\n"
    + "".join(f"x{n}: {{a: '${{x{n - 1}}}', b: '${{x{n - 1}}}', c: '${{x{n - 1}}}'}}\n" for n in range(1, 10)),
    "nested.json": '{"a":' * 40_000,
    "digits.json": '{"learning_rate": ' + "9" * SIZE + "}",
    "many.json": "{" + ",".join(f'"k{n}": 1' for n in range(20_000)) + "}",
    "dotted.toml": "'a b'" + ". 'c d' " * 30_000 + " = 1\n",
    "nested.toml": "a = " + "{ b= " * 50_000,
    "digits.toml": "a = 0x" + "f" * SIZE + "\n",
    "doubled.sh": "A=aaaaaaaaaa\n" + 'A="$A$A"\n' * 60 + "python t.py --learning_rate 1 $A\n",
    "array.sh": "A=(a a)\n" + 'A+=("${A[@]}")\n' * 60 + 'python t.py --learning_rate 1 "${A[@]}"\n',
    "defaults.sh": "python t.py --learning_rate " + "${A:-" * 20_000 + "1" + "}" * 20_000 + "\n",
    "tests.sh": "if [ " + "a = a ] && [ " * 20_000 + " 1 ]; then python t.py --learning_rate 1; fi\n",
    "functions.sh": "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(40)) + "f40() { python t.py --learning_rate 1; }\nf0\n",
    "commands.sh": "python t.py --learning_rate 1\n" * 8_000,
    "substitutions.sh": "$(" * 100_000 + "\n",
    "power.py": "from transformers import TrainingArguments\nTrainingArguments('o', learning_rate=1.0, max_steps=10**10**10)\n",
    "calls.py": "from transformers import TrainingArguments\n" + "TrainingArguments('o', learning_rate=1.0)\n" * 6_000,
    "nested.py": "from transformers import TrainingArguments\nA=" + "(" * 100_000 + "1\n",
    "cells.ipynb": json.dumps({"cells": [CELL] * 200_000}),
    "empty cells.ipynb": '{"cells": [' + "{}," * 5_000_000 + "{}]}",
    "lines.ipynb": json.dumps({"cells": [CELL | {"source": "!python t.py --learning_rate 1\n" * 500_000}]}),
    "card.md": "---\na: " + "[" * 100_000 + "\n---\n",
}  # fmt: skip
LOGS = {
    "field.csv": "step,learning_rate,loss\n1,1e-4," + "9" * 5_000_000 + "\n",
    "columns.csv": ",".join(f"k{n}" for n in range(1_000_000)) + "\n",
    "line.jsonl": '{"step": 1, "loss": ' + "9" * 5_000_000 + "}\n",
    "nested.jsonl": '{"step": ' + "[" * 2_000_000 + "\n",
    "nested.json": '{"log_history": [{"step": ' * 100_000,
    "keys.json": '{"best_metric": {' + ",".join(f'"k{n}": 1' for n in range(1_000_000)) + '}, "log_history": []}',
    "record.tfevents": b"\xff" * 12 + b"\0" * 100_000,
    "outputs.ipynb": json.dumps({"cells": [CELL | {"outputs": [{"text": "1,"}] * 300_000}]}),
    "console.txt": "{'loss': " * 100_000 + "\n",
}
PROGRAM = """
import os, sys, time
import optax_lr as olr
from tests.peak import peak_growth
folder = sys.argv[1] if len(sys.argv) > 1 else os.environ["FOLDER"]
os.chdir(folder)
def outcome(read):
    try:
        read()
    except olr.ConfigError as error:
        return str(error)
    return ""
readers = {"configs": [lambda name: olr.read_configs(name)[0].plan(num_examples=1000), olr.lint], "logs": [olr.read_log]}
for kind in readers:
    for name in sorted(os.listdir(kind), key=lambda name: (not name.startswith("0"), name)):  # imports first
        for read in readers[kind]:
            lines, start = [], time.process_time()
            peak = peak_growth(lambda: lines.append(outcome(lambda: read(f"{kind}/{name}"))))
            print(f"{kind}/{name}", time.process_time() - start, peak, repr(lines[0]), sep="|")
"""


def test_the_worst_files_are_refused_within_a_second_and_300_mb(tmp_path):
    small = {
        "0.yaml": "stage: sft\nlearning_rate: 1.0\nmax_steps: 9\n",
        "0.toml": "a = 1\n",
        "0.md": "- learning_rate: 1\n",
    }
    small |= {
        "0.sh": "python t.py --learning_rate 1\n",
        "0.py": "TrainingArguments(max_steps=9)\n",
        "0.ipynb": '{"cells": []}',
    }
    for folder, files in (("configs", small | FILES), ("logs", {"0.csv": "step,loss\n1,1\n"} | LOGS)):
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    printed = printed_by(PROGRAM, FOLDER=str(tmp_path), MALLOC_MMAP_THRESHOLD_="1048576", JAX_PLATFORMS="cpu")
    rows = [line.split("|", 3) for line in printed.splitlines()]
    assert {row[0] for row in rows} >= {f"configs/{name}" for name in FILES} | {f"logs/{name}" for name in LOGS}
    for name, seconds, peak, line in rows:
        if "/0." not in name:
            assert float(seconds) < 1, (name, seconds)
            assert int(peak) < 300 * 10**6, (name, peak)
            assert len(line) < 1100, (name, line)
            assert "\\n" not in line, (name, line)
