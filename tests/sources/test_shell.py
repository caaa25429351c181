"""Shell scripts: words are expanded like in bash, without executing a program."""

import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest

import optax_lr as olr
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.shell import commands_of

SCRIPTS = [
    'LR=2e-5\nrun "$LR" ${LR} a${LR}b \'$LR\' "a \\"q\\" $LR" \\$LR',
    'A=(1 \'x y\' "z w")\nA+=(4)\nrun "${A[@]}" ${A[@]} ${A[1]} ${#A[@]} "$A"',
    'ARGS="--a 1 --b \'2 3\'"\nrun $ARGS "$ARGS"',
    "N=$((8 * 2 / 3 % 4 + -1))\nM=$(expr 12 / 4)\nrun $N $M $(( N + M )) $((-7 / 2)) $((2**10))",
    'X=${UNSET_HERE:-3}\nY=${X:-4}\nZ=${UNSET_HERE:-$X}\nW=${UNSET_HERE:-"a b"}\nrun $X $Y $Z "$W" ${X:+set}',
    "for a in 1 2; do for b in x y; do run $a $b; done; done",
    "for i in {1..3}; do run $i; done",
    'f() { run "$1" "$2" $#; }\nf a "b c"\nf d',
    'bash -c \'run a "b c"\'\neval "run d"\nsh -c "run e"',
    "run a \\\n  b \\\n  c # d\nrun e",
    "run a \\\n  # b \\\n  c",
    "if true; then run a; fi\n(run b)\n{ run c; }\nrun d && run e || run f",
    "run a > /dev/null 2>&1\nrun b 2>/dev/null c",
    "cat <<'EOF' > /dev/null\nrun a\nEOF\nrun b",
    "export LR=1\nB=2 run $LR",
    "run $'a\\tb' a'b'\"c\"d --x=\"1 2\" --y={a}",
    'S="a b"\nrun x$S "x$S" x"$S"y',
    "case a in a) run 1;; esac",
    'B=0; for s in a b c; do case "$s" in a|x) A=1;; b) A=2; B=3;; *) A=4;; esac; run $A $B; done\ncase q in r) run r;; esac\nrun end',
    'V=llama3-8b/; case $V in *"2.8b"*) A=1;; *13b*|*"8b"*) A=2;; *llama*) A=3;; esac; case "a b" in a) B=1;; "a b") B=2;; esac; run $A $B',
    'L=1\nf() { local L=$1 M; shift; M=5; run $L $M "$@"; }\nf 2 x y\nrun $L ${M:-none}\nf 3',
    ': "${E:=3}"\nF=${G:=4}\nrun $E $F $G',
    "D=0,1,2\nN=$(echo $D | tr ',' '\\n' | wc -l)\nM=$(echo \"$D\" | awk -F, '{print NF}')\nrun $N $M",
    'S=7b\nif [ "$S" == 13b ]; then A=1; elif [[ "$S" = 7b ]]; then A=2; else A=3; fi\nrun $A',
    "N=8\n[ $N -gt 4 ] && B=2 || B=4\n[[ $N -lt 4 || $N -ne 8 ]] && C=2 || C=4\nrun $B $C",
    'A=1\nif [ -z "$UNSET_HERE" ]; then UNSET_HERE=3; fi\n[ -n "$A" ] && B=$UNSET_HERE\nif ! [ -z "$A" ]; then A=5; fi\nrun $A $B',
    "if false; then run a; else run b; fi\nA=1 && B=2 && run $A $B\nfalse && A=3\ntrue || A=4\nrun $A",
    '[ -z "" ] && A=1\n[ ! -n "" ] && B=2\n[ ab != ab ] && B=3\nrun $A $B',
    "A=1\nA+=2\nrun $A",
    "set -- p q\nrun $1 $2",
    'A=1\nB=2\nC="run \\\n  $A \\\n  ${B}x \\\n  $((A + B)) $(echo 5)"\neval $C',
    "LR=1; export LR; LR=2 bash -c 'run $LR'; env LR=4 sh -c 'run ${LR:-1}; LR=5'; bash -c 'run $LR'; run $LR",
    "LR=1\nbash -c 'run ${LR:-none}'\neval 'run $LR'\nset -a\nLR=2\nsh -c 'run $LR'\nexport LR\nunset LR\nset +a\nLR=3\nsh -c 'run ${LR:-none}'",
    "export A=1\nB=2\nbash <<'EOF'\nrun $A ${B:-none}\nbash -c 'run $A'\nEOF",
    "readonly A=1\nA=2\nB=3\nreadonly B C=4\nB=5\nC=6\nrun $A $B $C\n(readonly D=7)\nD=8\nrun $D\nexport A\nbash -c 'A=9; run $A'",
    "f() { run f; }\ng() { exit; }\nfalse && exit\n(exit)\nbash -c exit\nexit &\nf\nexit 0\nrun b\nh() { run h; }",
    "run a --b 2>&1 & \\\n   ",
    "run a `#--b` \\\n  c `# d e`",
    'A="x y"\\$B" z"\nrun "x y"\\$B" z"q"$A" a"b"\'c\'$A"d" "p"${A}\\$"q"\nrun --x="a"\\${J}"b" a"b" "c" \\\n  "d"',
    "cat <<E > f && run a\nx\nE\nrun b <<E --c\nx\nE\nrun d",
    "N=8\nW=1\nA=$[${N}*$[W]]\nB=$((N * $((W + 1))))\nrun $A/$[W] $B $[B/8] $(( $[2*2] ))",
    'f() { if [ "$1" = a ]; then A=1; return; fi; A=2; }\nf a; run $A; f b; run $A\n'
    'g() { [ "$1" = a ] && { A=3; return 0; }\nA=4\n}\ng a && run $A; g b && run $A\n'
    "h() { case $1 in a) A=5; return;; esac\nA=6\nrun h; return; run i; }\nh a; run $A; h b; run $A",
    "A=1\nf() { run $A; A=3; bash -c 'run ${A:-none}'; }\nA=2 f\nrun $A\nB=2 f\nrun ${B:-none}",
    'K=A\nfor P in A=1 \'B=x y\'; do export "$P"; done\ndeclare "C=$A" "${K}2=4"\nprintf -v D %s 5\nrun $A "$B" $C $A2 $D\nbash -c \'run $A\'',
    "A=1\nA=2 | cat\nA=3 &\nrun $A\nif [ 1 = 1 ]; then run b; exit 0; fi\nrun c",
    "(exec bash -c 'run a'; run b)\nexec 3>&1\nexec >> log2\nexec bash -c 'run c'\nrun d",
    "B=1\n(export A=1 B; export A)\nif [ 1 = 2 ]; then export B; fi\nbash -c 'run ${A:-none} ${B:-none}'\n"
    "f() { local A=2; export A; bash -c 'run $A'; }\nf\nbash -c 'run ${A:-none}'",
    'f() { echo "$1-$2"; }\nA=1\nB=$(A=2; echo $A)\nrun $A $B $(f a $(f b c)) "$(echo -n p; printf q)" $(exit; echo no) `f d e`\n'
    "run $(basename /a/b.c) $(dirname /a/b) $(cd /tmp && pwd) $(echo 1 2 | cat | wc -w)",
    'A=1\nB=(1 2)\nf() { local A B; run ${A:-none} $A x; [ -z "$A" ] && A=2; B+=(3); run $A ${B[@]}; }\nf\nrun $A ${B[@]}\ng() { declare A=5; typeset -g C=6; run $A; }\ng\nrun $A $C',
    "die() { run $1; exit 0; }\n[ a = b ] && die x\nrun a\n[ a = a ] && die y\nrun b",
    'A="run --x=\\"a b\\" --y=1"\nif [ "$UNSET_HERE" = 1 ]; then A="$A --z=3"; fi\neval $A',
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_words_are_those_of_bash(tmp_path, script):
    log = tmp_path / "log"
    run = tmp_path / "run"
    run.write_text(f'#!/bin/bash\nprintf "%s\\x1f" "$@" >> "{log}"\nprintf "\\n" >> "{log}"\n')
    run.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", script], env=environment, capture_output=True, cwd=tmp_path, check=False)
    real = [line.split("\x1f")[:-1] if line != "\x1f" else [] for line in log.read_text().splitlines()]
    ours = [
        [readable(word) for word in made.words[1:]] for made in commands_of("a.sh", script) if made.words[0] == "run"
    ]
    taken = [words for words in ours if words] if "||" in script else ours
    assert [words for words in taken if words not in ([["f"]] if "||" in script else [])] == real


@pytest.mark.parametrize("word", ["{\U000f0000", "{1..\U0001f600}", '"{学习率}"', "{12学"])
def test_a_character_behind_a_brace_does_not_end_the_process(word):
    for _ in range(20):  # tree-sitter-bash 0.25 reads memory that is not its own, which does not always fail
        (made,) = commands_of("a.sh", f"run {word} b")
        assert made.words == ("run", word.strip('"'), "b")


def test_unknown_values_are_marked():
    script = 'run $(hostname) $1 "${X%%.*}" $RANDOM `date` <(ls) $((Y + 1))\nread Z\nrun $Z'
    words = [readable(word) for made in commands_of("a.sh", script) for word in made.words[1:]]
    assert words[:7] == ["$(hostname)", "$1", "${X%%.*}", "$RANDOM", "`date`", "<(ls)", "$((Y + 1))"]


def test_a_mark_inside_the_text_of_another_shell_is_shown_as_written():
    made = commands_of("a.sh", """R=$(get rate)\nbash -c "export LR='$R'; run --lr \\"\\$LR\\" \\$((2 * $R))" """)
    assert [readable(word) for word in made[-1].words] == ["run", "--lr", "$(get rate)", "$((2 * $(get rate)))"]


def test_a_value_that_differs_between_branches_is_not_known():
    made = commands_of("a.sh", "A=1\nif [ -f x ]; then A=2; B=3; else B=3; fi\nrun $A $B")
    assert [readable(word) for word in made[-1].words] == ["run", "$A", "3"]


@pytest.mark.parametrize(
    ("script", "words", "note"),
    [
        ('A="--a 1"\nif x; then A="$A --wandb p"; fi\nrun $A', ["--a", "1"], "a branch of the script adds --wandb to $A, which is left out"),
        ('A=""\nif x; then A="--bf16"; fi\nrun $A', [], "a branch of the script adds --bf16 to $A, which is left out"),
        ('A=(--a 1)\nif x; then A+=(--profile); fi\nrun "${A[@]}"', ["--a", "1"], "a branch of the script adds --profile to $A, which is left out"),
        ('A="--a 1"\nif x; then A="$A --lr 2"; fi\nrun $A', ["--a", "1", "--lr", "$A"], None),
        ('if x; then A="--lr 1 --bf16"; else A="--lr 2 --bf16"; fi\nrun $A', ["--lr", "$A", "--bf16"], None),
        ('A=(--lr 1)\nif x; then A=(--steps 2); fi\nrun "${A[@]}"', ["--lr", "$A", "--steps", "$A"], None),
        ('if x; then A="t.py --lr 1"; else A="u.py --lr 2"; fi\nrun $A', ["$A"], None),
        ("A=1\nif x; then A=16; fi\nrun $A", ["$A"], None),
        ("A=1\n[ -f x ] && A=16\nrun $A", ["$A"], None),
        ("A=$(for i in $U; do echo a; done)\nrun $A", ["$(for i in $U; do echo a; done)"], None),
        ("A=$(for i in 1 2; do x && break; echo a; done)\nB=$(for i in 1 2; do echo $i; done)\nrun $A $B", ["$(for i in 1 2; do x && break; echo a; done)", "1", "2"], None),
        ('f() { case "$1" in a) run b;; esac; }\nf "$@"', ["b"], None),
        ('f() { run a "$@"; }\nf "$@"', ["a"], "the script's own arguments ($@) are taken as none"),
        ('set -- "$@" -x\nrun $1', ["$1"], None),
        ("which x && A=1 || A=16\nrun $A", ["$A"], None),
        ("A=1\nx || A=16\nrun $A", ["$A"], None),
        ("A=1\n[ -f x ] && A=1 || A=16\nrun $A", ["$A"], None),
        ("A=1\n[[ $A == 1* ]] && A=16\nrun $A", ["$A"], None),
        ("A=1\nread -p 'rate?' A\nrun $A", ["$A"], None),
        ('A="run --x=\\"a\\""\nif x; then A="$A --batch=4"; fi\neval "$A"', ["--x=a", "--batch", "$A"], None),
        ("A=1\nsource a.sh\nrun $A", ["1"], "a.sh, sourced in line 2, may set other values"),
        ("A=1\n. venv/bin/activate\nrun $A", ["1"], None),
        ("sed -i s/1/2/ a.yaml\nrun a.yaml", ["a.yaml"], "sed in line 1 may change a.yaml before the command reads it"),
        ("yq -i '.lr = 1' ./a.yaml\nrun a.yaml", ["a.yaml"], "yq in line 1 may change a.yaml before the command reads it"),
        ("sed s/1/2/ a.yaml\nyq .lr a.yaml\nrun a.yaml", ["a.yaml"], None),
        ("envsubst < t.yaml > a.yaml\nrun a.yaml", ["a.yaml"], "line 1 may change a.yaml before the command reads it"),
        ("python -c \"dump(c, open('a.yaml', 'w'))\"\nrun a.yaml", ["a.yaml"], "python in line 1 may change a.yaml before the command reads it"),
        ("python3 - a.yaml <<E\nopen(sys.argv[1], 'w')\nE\nrun a.yaml", ["a.yaml"], "python3 in line 1 may change a.yaml before the command reads it"),
        ("python -c \"print(load('a.yaml'))\"\nrun a.yaml", ["a.yaml"], None),
        ("python t.py --output a.yaml\nrun a.yaml", ["a.yaml"], "python in line 1 may change a.yaml before the command reads it"),
        ("cp b.yaml d\nrun d/b.yaml", ["d/b.yaml"], "cp in line 1 may change d/b.yaml before the command reads it"),
        ('B=/a/run\nif [[ ! -x "$B" ]]; then B=$(which run || true); fi\nrun $B', ["/a/run"], "$B is /a/run unless there is no such program"),
        ("B=/a/run\nif [ ! -f $B ]; then B=b; fi\nrun $B", ["$B"], None),
        ("echo 'b: 1' >> a.yaml\nrun --c=a.yaml", ["--c=a.yaml"], "line 1 may change a.yaml before the command reads it"),
        ("A=1\nexport $(cat .env | xargs)\nrun $A", ["1"], "line 2 sets variables that are not read"),
        ('for P in "$@"; do export "$P"; done\nrun a', ["a"], "line 1 sets variables that are not read"),
        ('while read -r k v; do\ndeclare "$k=$v"; done < a\nrun a', ["a"], "line 2 sets variables that are not read"),
        ("A=1\nf() { local -n B=A; B=2; }\nf\nrun a", ["a"], "line 2 sets variables that are not read"),
        ('eval "$(python a.py)"\nrun a', ["a"], "line 1 sets variables that are not read"),
        ('eval "$(conda shell.bash hook)"\nrun a', ["a"], None),
        ("alias run='go 1'\nrun a", ["a"], "run may be the alias of line 1, which is not followed"),
        ("printf -v A %d $B\nrun $A", ["$A"], None),
        ("f() {\nrun a\n}", ["a"], "f() is not called in this script"),
        ("f() {\nrun a\n}\ng() {\nf\n}", ["a"], "g() is not called in this script"),
        ("f() {\nrun a\n}\nf", ["a"], None),
        ("A=1\nwhile x; do\nrun a\ndone", ["a"], "the loop in line 2 is followed once"),
        ("until x; do\nrun a\ndone", ["a"], "the loop in line 1 is followed once"),
        ("for ((i = 0; i < 2; i++)); do\nrun a\ndone", ["a"], "the loop in line 1 is followed once"),
        ("while x; do\nA=1\ndone\nrun a", ["a"], None),
        ("for i in 1 2; do\nif x; then break; fi\nrun $i\ndone", ["2"], "the loop in line 1 may end earlier or leave turns out"),
        ("for i in 1 2; do\n[ -f $i ] && continue\nrun $i\ndone", ["2"], "the loop in line 1 may end earlier or leave turns out"),
        ("for i in 1 2; do\nwhile x; do break; done\nrun $i\ndone", ["2"], None),
        ("if x; then exit; fi\nx && exit\nf() { exit; }\nif y; then f; fi\nx && f\n[ -z '' ] && exit 1\nrun b", ["b"], None),
        ("run a.yaml > log\nsed -i s/1/2/ a.yaml", ["a.yaml"], None),
    ],
)  # fmt: skip
def test_options_that_a_branch_adds_are_dropped_with_a_note(script, words, note):
    made = commands_of("a.sh", script)[-1]
    assert [readable(word) for word in made.words[1:]] == words
    assert made.notes == (() if note is None else (note,))


@pytest.mark.parametrize(
    "loop",
    [
        'while [ $# -gt 0 ]; do case $1 in --lr) LR="$2"; shift 2;; esac; done',
        'while getopts "l:" name; do case $name in l) LR=$OPTARG;; esac; done',
        'for word in "$@"; do case $word in --lr=*) LR="${word#*=}";; esac; done',
    ],
)
def test_a_default_that_an_argument_of_the_script_replaces_is_noted(loop):
    script = f"LR=1e-4\n{loop}\npython t.py --learning_rate $LR --max_steps 5"
    (config,) = [made for made in commands_of("a.sh", script) if made.words[0] == "python"]
    assert "1e-4" in config.words
    assert config.notes == ("$LR is 1e-4 unless an argument of the script sets it",)


def test_a_default_for_a_variable_that_only_an_argument_sets_is_noted():
    script = 'while (( $# )); do case "$1" in --lr) lr="$2"; shift 2;; esac; done\nlr=${lr:-1e-4}\nbatch=${2:-8}\npython t.py --lr $lr --seed $seed'
    made = commands_of("a.sh", script)[-1]
    assert [readable(word) for word in made.words[2:]] == ["--lr", "1e-4", "--seed", "$seed"]
    assert made.notes == ("$lr 1e-4, $2 8: defaults in the script, which the environment or an argument may replace",)


NAMED = {
    "sft.yaml": "model_name_or_path: m\ndataset_name: d\nlearning_rate: 1.0e-5\nlr_scheduler_type: cosine\nwarmup_steps: 0.1\nnum_train_epochs: 1\nper_device_train_batch_size: 4\n",
    "lf.yaml": "stage: sft\nfinetuning_type: full\nlearning_rate: 1.0e-4\nnum_train_epochs: 1\n",
    "ax.yaml": "base_model: m\nmicro_batch_size: 1\ngradient_accumulation_steps: 1\nlearning_rate: 1.0e-4\nmax_steps: 50\nwarmup_steps: 0\n",
    "tt.yaml": "optimizer: {_component_: a, lr: 1.0e-4}\nepochs: 1\nbatch_size: 1\ngradient_accumulation_steps: 2\n",
}
WRITTEN = "cat > made.yaml <<EOF\nstage: sft\ntemplate: t\nlearning_rate: ${LR:-2.0e-5}\nmax_steps: 9\nEOF\n"
BLOCK = '{\n  echo "stage: sft"\n  [ -n "$A" ] && echo "logging_steps: 5"\n  echo -e "learning_rate: 2.0e-5\\ntemplate: t"\n} > "$F" 2>/dev/null\n'


@pytest.mark.parametrize(
    ("script", "expected", "steps"),
    [
        ("accelerate launch --num_processes 1 run_sft.py --config sft.yaml --learning_rate 3e-5", olr.Cosine(3e-5, 20, 2), 20),
        ("llamafactory-cli train lf.yaml learning_rate=1e-5 num_train_epochs=5.0 lr_scheduler_type=cosine", olr.Cosine(1e-5, 50), 50),
        (f"{WRITTEN}llamafactory-cli train made.yaml", olr.Linear(2e-5, 9), 9),
        (f"{WRITTEN.replace('> made.yaml <<EOF', '<<EOF > made.yaml')}llamafactory-cli train made.yaml", olr.Linear(2e-5, 9), 9),
        (f"F=$HOME/made.yaml\n{BLOCK}echo 'max_steps: 9' >> $F\nllamafactory-cli train $F", olr.Linear(2e-5, 9), 9),
        ("axolotl train ax.yaml --learning-rate 2e-4", olr.Cosine(2e-4, 50), 50),
        ("tune run full_finetune_single_device --config tt.yaml optimizer.lr=3e-4 ~gradient_accumulation_steps", olr.Constant(3e-4), 80),
    ],
)  # fmt: skip
def test_a_yaml_that_a_command_names(tmp_path, script, expected, steps):
    for name, text in NAMED.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "run.sh").write_text(script)
    plan = olr.read_config(tmp_path / "run.sh").plan(num_examples=80)
    assert (repr(plan.schedule), plan.max_steps) == (repr(expected), steps)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("if [ -f x ]; then echo 'max_steps: 5' >> made.yaml; fi", "is not found from"),
        ("if [ -f x ]; then echo 'warmup_steps: 5'; fi > made.yaml", "does not say what --warmup_steps (differs between branches)"),
        ("python make.py >> made.yaml", "is not found from"),
        ("sed -i s/9/7/ ./made.yaml", "is not found from"),
        ("sort in.yaml | cat > made.yaml", "is not found from"),
    ],
)  # fmt: skip
def test_a_written_file_whose_text_is_not_known_is_not_used(tmp_path, changes, said):
    (tmp_path / "run.sh").write_text(f"{WRITTEN}{changes}\nllamafactory-cli train made.yaml")
    with pytest.raises(olr.ConfigError) as refused:
        olr.read_config(tmp_path / "run.sh")
    assert said in str(refused.value)


def test_each_command_reads_the_file_as_it_was_written_before(tmp_path):
    again = f"{WRITTEN}llamafactory-cli train made.yaml\n{WRITTEN.replace('max_steps: 9', 'max_steps: 7')}"
    (tmp_path / "run.sh").write_text(f"{again}llamafactory-cli train made.yaml")
    assert [config.plan().max_steps for config in olr.read_configs(tmp_path / "run.sh")] == [9, 7]


BOMBS = {
    "doubling text": "A0=xxxxxxxxxx\n"
    + "".join(f'A{n + 1}="$A{n} $A{n}"\n' for n in range(40))
    + "python t.py --learning_rate $A40",
    "doubling arrays": "A=(x x)\n" + 'A+=("${A[@]}")\n' * 60,
    "many commands": "python t.py --max_steps 1 --learning_rate 1\n" * 5000,
    "backticks": "A=" + "`" * 200_000,
    "open substitutions": "A=" + "$(" * 5000 + "\npython t.py --learning_rate 1",
    "nested shells": "bash -c " * 1000,
    "a function that calls itself twice": "f() { f; f; }\nf\npython t.py --learning_rate 1",
    "loops in loops": "for a in {1..200}; do for b in {1..200}; do for c in {1..200}; do python t.py --max_steps $a$b$c --learning_rate 1; done; done; done",
    "deep arithmetic": "A=$((" + "(" * 3000 + "1" + ")" * 3000 + "))\npython t.py --learning_rate $A",
    "here-documents": "cat <<E & " * 20_000,
    "quotes of rates": 'run lr="' + 'lr="' * 60_000,
    "a huge power": "python t.py --max_steps $((9**63**63)) --learning_rate 1",
}


@pytest.mark.parametrize("name", BOMBS)
def test_slow_scripts_are_read_or_refused_in_time(tmp_path, name):
    path = tmp_path / "bomb.sh"
    path.write_text(BOMBS[name])
    start = time.process_time()
    with contextlib.suppress(olr.ConfigError):
        for config in olr.read_configs(path):
            config.plan()
    assert time.process_time() - start < 6


def test_settings_of_a_branch_are_refused_and_never_dropped(tmp_path):
    path = tmp_path / "run.sh"
    command = "python t.py $OPTIONS --save_total_limit 1 --num_train_epochs 1 $MORE\n"
    path.write_text(
        'OPTIONS="--learning_rate 1e-4"\nif [ "$1" = x ]; then OPTIONS="$OPTIONS --max_steps 7"; fi\n' + command
    )
    with pytest.raises(olr.ConfigError, match=r"does not say what --max_steps \$OPTIONS in the command"):
        olr.read_config(path)
    config = olr.read_config(path, values={"max_steps": 7})
    assert repr(config.plan().schedule) == repr(olr.Linear(1e-4, 7))
    assert "$MORE: not set in the script, and taken as empty" in config.notes


def test_a_placeholder_hides_no_command():
    script = "cd <your path>  # first\nDATA=<data_dir>/a\nN=4\nrun --n $N --data=$DATA --out <out_dir> \\\n  --lr <your lr>\n"
    script += "cat <<END_OF_IT >a\nb\nEND_OF_IT\nrun 2 <in >out\n"
    first, second = (made for made in commands_of("a.sh", script) if made.words[0] == "run")
    assert [readable(word) for word in first.words[1:]] == [
        "--n",
        "4",
        "--data=<data_dir>/a",
        "--out",
        "<out_dir>",
        "--lr",
        "<your lr>",
    ]
    assert not is_known(first.words[-1])
    assert first.notes == (
        "placeholders that are to be filled in: <data_dir> (line 2), <out_dir> (line 4), <your lr> (line 5)",
    )
    assert second.words == ("run", "2")
    assert second.files["a"] == "b\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    "script",
    [
        "echo a && echo lr: 1 > f\ntrue || echo c > g",
        "N=2\ntrue && cat > f <<E &&\nn: $N\nE\necho \"n: $N\" >> f && cat > g <<'E'\n$N\nE\n",
        "false || cat <<E > f && echo b >> f\na\nE\n",
        "cat <<E | tee f | cat > g\na\nE\necho b | tee h >> g\ncp f k\nmv k l\ntee m <<E\nc\nE",
        "cat <<'E' > f &&\n$a\nE\ncat <<E > h ||\na\nb\nE\necho x",
    ],
)
def test_a_file_has_the_text_that_bash_writes(tmp_path, script):
    ran = commands_of("a.sh", script + "\nrun x")
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=False, capture_output=True)
    assert dict(ran[-1].files) == {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_texts_of_several_here_documents_in_one_line_are_not_known():
    (*_, made) = commands_of("a.sh", "true &&\ncat <<'E' > f && cat <<E > g\na\nE\nb\nE\nrun f.yaml")
    assert made.words == ("run", "f.yaml")
    assert made.files == {}


def test_a_file_that_another_shell_writes_from_variables_is_read(tmp_path):
    (tmp_path / "a.sh").write_text(
        'rate=2e-5\nstage=sft\nsubmit --gpu 4 $MORE -- bash -c "\n  job="\\${JOB:-0}" && echo $stage &&\n'
        "  cat > \\$job.yaml <<END\nstage: $stage\ndo_train: true\nfinetuning_type: full\nlearning_rate: $rate\nmax_steps: 9\nEND\n\n"
        '  llamafactory-cli train \\$job.yaml 2>&1 | tee log"\n'
    )
    config = olr.read_config(tmp_path / "a.sh")
    assert (config.trainer, config.settings.learning_rate, config.settings.max_steps) == ("llamafactory", 2e-5, 9)


def test_the_folder_of_the_script_is_where_its_files_are(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "sft.json").write_text(
        '{"learning_rate": 3e-5, "max_steps": 9, "per_device_train_batch_size": 1}'
    )
    (tmp_path / "scripts" / "train.py").write_text(
        "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=7)\n"
    )
    run = tmp_path / "scripts" / "run.sh"
    run.write_text(
        'HERE="$( cd "$(dirname "${BASH_SOURCE[0]}")" &> /dev/null && pwd )"\nROOT=$(cd "$(dirname "$0")/.." && pwd -P)\n'
        'python "${HERE}/train.py"\npython other.py --config $ROOT/conf/sft.json\n'.replace(
            "&> /dev/null", ">/dev/null 2>&1"
        )
    )
    monkeypatch.chdir(tmp_path)
    assert [config.plan().max_steps for config in olr.read_configs(run)] == [7, 9]


@pytest.mark.parametrize(
    ("script", "rates"),
    [
        ("cd proj\nRUN\ncd ..\nRUN", [2, 1]),
        ("pushd ./proj && RUN\npopd\nRUN\ncd proj\ncd -\nRUN", [2, 1, 1]),
        ("(cd proj; RUN) && RUN\nf() { cd proj; }\nf\nRUN", [2, 1, 2]),
        ("bash -c 'cd proj && RUN' | tee log\nRUN", [2, 1]),
        ('HERE=$(cd "$(dirname "$0")" && pwd)\ncd "$HERE/proj"\nRUN\ncd "$SLURM_SUBMIT_DIR"\nRUN', [2, 1]),
        ("if x; then cd proj; fi\nRUN", None),
        ("cd /data\ncd proj\nRUN", None),
        ("cd $A\nRUN", None),
        ("cd\nRUN", None),
        ("cd ..\nRUN", None),
        ("docker run -w /proj image RUN", None),
        ("#SBATCH --chdir=proj\nRUN", [2]),
        ("uv run --directory proj RUN\nenv -C proj RUN\nRUN", [2, 2, 1]),
        ("MAKE u.yaml\ncd proj\nRUN\ncd ..\nRUN", [2, 2e-5]),
        ('HERE=$(dirname "$0")\ncd /data\nllamafactory-cli train $HERE/u.yaml', [1]),
        ("MAKE proj/../a.yaml\ncd proj\nMAKE ./b.yaml\nTRAIN ../a.yaml\nTRAIN b.yaml", [2e-5, 2e-5]),
        ("cd $W\nMAKE a.yaml\nTRAIN $W/a.yaml\ncd -\nTRAIN $W/a.yaml\ncd /tmp\nMAKE b.yaml\nTRAIN /tmp/b.yaml", [2e-5] * 3),
        ("MAKE proj/a.yaml\nenv -C proj TRAIN a.yaml", [2e-5]),
    ],
)  # fmt: skip
def test_a_command_reads_the_files_of_the_folder_that_it_runs_in(tmp_path, script, rates):
    (tmp_path / "proj").mkdir()
    text = "stage: sft\nmodel_name_or_path: m\nfinetuning_type: lora\nmax_steps: 9\nlearning_rate: "
    (tmp_path / "u.yaml").write_text(f"{text}1.0")
    (tmp_path / "proj" / "u.yaml").write_text(f"{text}2.0")
    path = tmp_path / "run.sh"
    script = re.sub(r"MAKE (\S+)", lambda found: WRITTEN.replace("made.yaml", found[1]), script)
    path.write_text(script.replace("RUN", "TRAIN u.yaml").replace("TRAIN", "llamafactory-cli train"))
    if rates is None:
        with pytest.raises(olr.ConfigError, match=r"are in u\.yaml, which is"):
            olr.read_configs(path)
    else:
        assert [config.settings.learning_rate for config in olr.read_configs(path)] == rates
