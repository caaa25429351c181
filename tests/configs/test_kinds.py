"""Configs of kinds that were once read wrongly: the plan, the refusal, or the findings of each."""

import json

import pytest
import torch

import optax_lr as olr
from tests.trainers.cases import stepped

HF = "output_dir: o\nper_device_train_batch_size: 8\nnum_train_epochs: 2\nlearning_rate: 1.0e-5\nlr_scheduler_type: cosine\n"
RUN = "python run.py --output_dir o --save_total_limit 1 --learning_rate 1e-5 --lr_scheduler_type cosine"
FACTORY = (
    "model_name_or_path: m\nstage: {}\nfinetuning_type: full\ndataset: d\ntemplate: t\noutput_dir: o\ndo_train: true\n"
)
FACTORY += "learning_rate: 1.0e-5\nlr_scheduler_type: cosine\nnum_train_epochs: 1.0\nper_device_train_batch_size: 4\n"

PLANS = {
    "prompts of GRPO are generated several times": (
        "g.yaml", HF + "reward_funcs: [f]\nnum_generations: 4\nuse_vllm: true\n", {"num_examples": 400, "world_size": 2},
        olr.Cosine(1e-5, 200), "read as GRPO",
    ),
    "a script of any name with the options of GRPO": (  # 150 by RepeatSampler of TRL 1.16 and accelerate's BatchSamplerShard
        "o.sh", f"torchrun --nproc_per_node 2 {RUN[7:]} --per_device_train_batch_size 4 --gradient_accumulation_steps 3 --num_generations 6 "
        "--num_train_epochs 1", {"num_examples": 601}, olr.Cosine(1e-5, 150), "read as GRPO, by its keys",
    ),
    "MaxText's keys, some with the names of others'": (
        "m.yml", "base_config: base.yml\nlearning_rate: 2.0e-5\nsteps: 101\nwarmup_steps_fraction: 0.1\nper_device_batch_size: 4\n", {},
        olr.Cosine(2e-5, 100, 10, min_lr=2e-5 * 0.1), "",
    ),
    "the default rate of a command of TRL": (
        "d.sh", "trl dpo --dataset_name d --max_steps 20", {}, olr.Linear(1e-6, 20), "",
    ),
    "axolotl's batch_size over all processes": (
        "a.yml", "base_model: m\ndatasets:\n  - path: d\n    type: alpaca\nbatch_size: 64\nmicro_batch_size: 4\nnum_epochs: 2\nlr_scheduler: cosine\n"
        "learning_rate: 0.0002\nwarmup_steps: 2\noptimizer: adamw_torch\n", {"num_examples": 640, "world_size": 2}, olr.Cosine(2e-4, 10, 2), "",
    ),
    "a comment that cuts a command off": (
        "c.sh", f"{RUN} \\\n  # --warmup_steps 5 \\\n  --max_steps 9", {"num_examples": 80}, olr.Cosine(1e-5, 30), "",
    ),
    "angle brackets in the text of a usage": (
        "u.sh", f'if [ "$#" -lt 1 ]; then echo "usage: $0 <output_dir>"; fi\n{RUN} --max_steps 7', {}, olr.Cosine(1e-5, 7), "",
    ),
    "an unrelated key that is given twice": (
        "t.yaml", HF + "report_to: none\nreport_to: wandb\n", {"num_examples": 80}, olr.Cosine(1e-5, 20), "given twice",
    ),
    "the older name of a key of ms-swift": (
        "v.sh", "swift sft --model m --dataset d --train_type full --num_train_epochs 1", {"num_examples": 640, "world_size": 2},
        olr.Cosine(1e-5, 40), "train_type is the key of ms-swift 3",
    ),
    "the examples that ms-swift once kept for validation": (
        "x.sh", "swift sft --model m --dataset d --num_train_epochs 1", {"num_examples": 640, "world_size": 2},
        olr.Cosine(1e-4, 40), "ms-swift before 3.6 keeps 1% of the examples",
    ),
    "abbreviated options of one of diffusers' scripts": (
        "f.sh", "accelerate launch --num_processes 1 train_text_to_image.py --learning_r 1e-5 --max_train_st 40 --lr_sch cosine --lr_warmup 4",
        {}, olr.Cosine(1e-5, 40, 4), "--lr_sch is read as --lr_scheduler",
    ),
    "abbreviated options of open-instruct": (
        "i.sh", "accelerate launch --num_processes 1 open_instruct/finetune.py --learning_r 1e-5 --max_train_st 40 --lr_sch cosine --warmup_r 0.1",
        {}, olr.Cosine(1e-5, 40, 4), "--lr_sch is read as --lr_scheduler_type",
    ),
    "one config of a script with another that is refused": (
        "b.py", "from trl import SFTConfig, DPOConfig\nsft_config = SFTConfig(max_steps=5)\ndpo_config = DPOConfig(max_steps=5, epochs=2)\n",
        {}, olr.Linear(2e-5, 5), "another config is left out",
    ),
    "a module of the user's may have other defaults": (
        "m.sh", "torchrun --nproc_per_node 1 -m train --learning_rate 1e-5 --max_steps 40 --per_device_train_batch_size 1 --train_file a",
        {}, olr.Linear(1e-5, 40), "train is not found from here, and may have other defaults for lr_scheduler_type",
    ),
    "the older name of the batch size": (
        "o.sh", f"{RUN} --per_gpu_train_batch_size 5 --num_train_epochs 1", {"num_examples": 80}, olr.Cosine(1e-5, 16),
        "may have other defaults for warmup_steps, gradient_accumulation_steps, or",
    ),
    "the class that Hydra turns a section into": (  # 25 by RepeatSampler of TRL 1.16, at the class's own batch of 8 and 8 generations
        "h.yaml", "model: {_target_: x.M}\ntrain:\n  _target_: trl.GRPOConfig\n  num_train_epochs: 1\n  gradient_accumulation_steps: 4\n",
        {"num_examples": 101}, olr.Linear(1e-6, 25), "the steps are those of TRL 0.15 and later",
    ),
    "qlora.py has defaults of its own": (  # class TrainingArguments in artidoro/qlora at 7f4e95a
        "l.sh", "python qlora.py --dataset oasst1 --learning_rate 8e-4 --max_steps 100 --per_device_eval_batch_size 8",
        {}, olr.Constant(8e-4), "qlora.py is not here, and is read as artidoro/qlora's qlora.py",
    ),
    "LLaMA-Factory's pre-training packs": (
        "q.yaml", FACTORY.format("pt"), {"num_examples": 80}, olr.Cosine(1e-5, 20), "that of the packed rows",
    ),
    "axolotl counts packed rows in whole batches, behind the validation set": (  # 936 by calculate_total_num_steps of axolotl 067b021c
        "p.yml", "base_model: m\nsample_packing: true\nval_set_size: 0.1\nmicro_batch_size: 2\ngradient_accumulation_steps: 4\nnum_epochs: 3\n"
        "learning_rate: 1.0e-5\nlr_scheduler: cosine\nwarmup_steps: 2\n", {"num_examples": 2502}, olr.Cosine(1e-5, 936, 2), "without val_set_size",
    ),
    "a script with the options of diffusers' scripts": (
        "u.sh", "accelerate launch --num_processes 1 lora.py --resolution 256 --train_batch_size 4 --learning_rate 1e-5 --lr_scheduler cosine "
        "--lr_warmup_steps 4 --max_train_steps 40", {}, olr.Cosine(1e-5, 40, 4), "lora.py is read as one of diffusers' scripts",
    ),
    "a key of restarts in older versions of axolotl": (
        "z.yml", "base_model: m\nsequence_len: 9\nmicro_batch_size: 2\ngradient_accumulation_steps: 4\nlearning_rate: 1.0e-5\nwarmup_steps: 2\n"
        "max_steps: 30\nrelora_steps: 5\n", {}, olr.Cosine(1e-5, 30, 2), "relora_steps: of older versions of axolotl",
    ),
    "a rate that diffusers scales": (
        "t.sh", "accelerate launch --num_processes 2 textual_inversion.py --train_batch_size 3 --gradient_accumulation_steps 4 --learning_rate 1e-3 "
        "--scale_lr --lr_scheduler linear --lr_warmup_steps 0 --max_train_steps 40", {}, olr.Linear(1e-3 * 24, 40), "--scale_lr multiplies the rate",
    ),
    "a command for other machines": (
        "h.sh", 'RATE=2e-5\npython multihost_runner.py --TPU_PREFIX=v6e --COMMAND="sudo docker run image bash -c \\"python3 -m MaxText.train '
        'MaxText/configs/base.yml learning_rate=${RATE} steps=101 run_name=r\\""', {}, olr.Cosine(2e-5, 101, 10, min_lr=2e-5 * 0.1), "as by MaxText until 2025",
    ),
    "verl's critic has a rate of its own": (
        "e.sh", "python3 -m verl.trainer.main_ppo data.train_batch_size=8 trainer.total_epochs=2 critic.optim.lr=1e-5", {"num_examples": 80},
        olr.Constant(1e-6), "critic.optim.lr: the critic has a schedule of its own",
    ),
    "a model that verl does not have": (
        "e.sh", "python3 -m verl.trainer.main_ppo data.train_batch_size=8 trainer.total_epochs=2 algorithm.adv_estimator=grpo +judge.optim.lr=1e-5",
        {"num_examples": 80}, olr.Constant(1e-6), "judge.optim.lr: a model that is not verl's, with a schedule of its own",
    ),
    "a part of the examples is for validation": (
        "w.yaml", FACTORY.format("sft") + "val_size: 0.1\n", {"num_examples": 80}, olr.Cosine(1e-5, 18), "val_size 0.1: 72 of 80 examples are left",
    ),
}  # fmt: skip


def config_of(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return olr.read_config(path)


@pytest.mark.parametrize("kind", PLANS)
def test_plans(tmp_path, kind):
    name, text, options, expected, note = PLANS[kind]
    config = config_of(tmp_path, name, text)
    plan = config.plan(**options)
    assert repr(plan.schedule) == repr(expected)
    assert note in " ".join([*config.notes, *plan.notes])
    assert plan.world_size_from


FINE = "torchrun pretrain_gpt.py --tensor-model-parallel-size 1 --lr 1e-4 --train-iters 900000 --lr-warmup-fraction 0.0012345678"
REFUSALS = {
    "a training section of a program of its own": ("h.yaml", "training:\n  learning_rate: 1e-4\n  epochs: 3\n  batch_size: 4\n", "knows the use of training.learning_rate 1e-4; read that, or state the schedule"),
    "NeMo": ("n.yaml", "trainer:\n  max_steps: 10\nmodel:\n  optim:\n    lr: 1e-4\n    sched:\n      name: CosineAnnealing\n", "a config of NeMo"),
    "Ludwig": ("l.yaml", "input_features: []\ntrainer:\n  learning_rate: 1e-4\n  learning_rate_scheduler:\n    decay: cosine\n", "a config of Ludwig"),
    "Lightning's CLI": ("g.yaml", "seed_everything: 1\ntrainer:\n  max_epochs: 3\nmodel:\n  class_path: a.B\n", "a config of Lightning's CLI"),
    "two sections of training arguments": (
        "s.yaml", "".join(f"{name}:\n  output_dir: o\n  learning_rate: 1.0e-5\n  lr_scheduler_type: cosine\n  num_train_epochs: 2\n" for name in ("first", "second")),
        "under first and second; keep one in a file",
    ),
    "a warmup of Megatron-LM in parts that no schedule can count": (
        "w.sh", FINE, r"whole ones are --set lr_decay_iters=900000 --set lr_warmup_iters=1111 --set lr_warmup_fraction=null$",
    ),
    "another of open-instruct's programs, behind commands that a script submits": (
        "m.sh", "uv run mason.py --num_nodes 2 -- source a.sh \\&\\& uv run open_instruct/grpo_fast.py --learning_rate 1e-6 --lr_scheduler_type constant "
        "--per_device_train_batch_size 1", "a run of open-instruct other than finetune and dpo_tune",
    ),
    "GRPO's keys next to a section of training arguments": (
        "s.yaml", "training:\n  " + HF.replace("\n", "\n  ") + "\ngrpo:\n  num_generations: 8\n",
        "grpo.num_generations is of TRL's GRPO, .* give --trainer trl-grpo --set num_generations=VALUE, or leave it out with --set grpo.num_generations=null",
    ),
    "two names of a key of ms-swift": ("z.sh", "swift sft --model m --dataset d --train_type full --tuner_type lora", "train_type and tuner_type differ"),
    "a fork of OpenRLHF": ("o.sh", "deepspeed --module openrlhf.cli.train_grpo --learning_rate 1e-6 --max_epochs 1", "with options of OpenRLHF"),
    "a script with a parser of its own": ("p.sh", "python main.py --learning_rate 1e-4 --epochs 5 --bs 4", "only main.py knows the use of --learning_rate 1e-4, --epochs 5"),
    "a W&B config": ("w.yaml", "wandb_version: 1\nlr:\n  desc: null\n  value: 1e-4\n", "knows the use of lr 1e-4; read that"),
    "dashes after a YAML of LLaMA-Factory": ("d.sh", "llamafactory-cli train f.yaml --learning_rate 1e-5", "takes key=value and not --learning_rate"),
    "a YAML that is not here, with its overrides": ("y.sh", "llamafactory-cli train f.yaml learning_rate=1e-5", "read that file with --set learning_rate=1e-5"),
    "two lengths of Megatron-SWIFT": (
        "m.sh", "megatron sft --model m --dataset d --lr 1e-4 --train_iters 9 --max_epochs 1", "keep one: --set max_epochs=null$",
    ),
    "a script with arguments that state nothing, and others that are read from a file": (
        "j.py", "from transformers import TrainingArguments\n_ = TrainingArguments('.')\n"
        "args = TrainingArguments('o', learning_rate=config['learning_rate'], max_steps=9, lr_scheduler_type='cosine')\n",
        r"learning_rate=config\['learning_rate'\]",
    ),
    "a comment that cuts all options of a schedule off": (
        "n.sh", f"python run.py --output_dir o \\\n  # --bf16 \\\n  {RUN[14:]}", "a comment or a missing .* cuts it off, .* take the comment out",
    ),
    "a command in the description of a job": (
        "x.yaml", "tasks:\n- command: [sh, -c]\n  arguments: ['accelerate launch train.py --learning_rate 1e-5 --max_steps 9']\n",
        "a command with --learning_rate is the text of tasks.0.arguments.0; copy it to a shell script",
    ),
    "a file that is not here, with the settings of its command first": (
        "q.sh", "llamafactory-cli train f.yaml " + " ".join(f"{key}=x" for key in "abcdefg") + " learning_rate=1e-5", r"read that file with --set learning_rate=1e-5$",
    ),
    "a batch file of Windows": ("w.bat", "@echo off\npython train.py --learning_rate 1e-4\n", "a batch file of Windows is not read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals(tmp_path, kind):
    name, text, message = REFUSALS[kind]
    with pytest.raises(olr.ConfigError, match=message) as caught:
        config_of(tmp_path, name, text).plan(num_examples=80)
    assert "\n" not in str(caught.value)


FINDINGS = {
    "a comment that cuts a command off": (
        "c.sh", f"{RUN} \\\n  #--max_steps 5 \\\n  --warmup_steps 3 \\\n  --epochs 3", "LR102", "ends before --warmup_steps, --epochs: a comment or a missing",
    ),
    "a key of another parser is reported once": ("k.sh", f"{RUN} --max_train_steps 50", "LR111", "max_train_steps is not a key of TrainingArguments"),
    "a share of the peak that looks like a rate": (
        "r.yaml", HF.replace("cosine", "cosine_with_min_lr") + "lr_scheduler_kwargs:\n  min_lr_rate: 1.0e-6\n", "LR140", "is a share of the peak"
    ),
    "the arguments of a scheduler that a card does not list": (
        "m.md", "# m\n\nThe following hyperparameters were used during training:\n- learning_rate: 5e-05\n- train_batch_size: 8\n"
        "- lr_scheduler_type: cosine_with_restarts\n- num_epochs: 3\n", "LR105", "does not list lr_scheduler_kwargs"
    ),
    "a key that LLaMA-Factory has never had": ("t.yaml", FACTORY.format("sft") + "train_size: 50\n", "LR111", "train_size is not a key of LLaMA-Factory"),
    "a key that LLaMA-Factory once had": ("o.yaml", FACTORY.format("kto") + "kto_ftx: 0.1\n", "LR104", "of older versions of LLaMA-Factory"),
    "a key that Levanter has never had": (
        "l.yaml", "model: {type: gpt2}\ntrainer: {mp: p=f32, num_train_steps: 90}\noptimizer: {learning_rate: 0.001, wobble: 3}\n", "LR111",
        "optimizer.wobble is not a key of Levanter",
    ),
    "an option that Megatron-LM has never had": (
        "g.sh", "torchrun pretrain_gpt.py --tensor-model-parallel-size 1 --lr 1e-4 --train-iters 90 --global-batch-size 8 --wobble 3", "LR111",
        "wobble is not a key of Megatron-LM",
    ),
    "an option that a script adds to those of Megatron-LM": (
        "y.sh", "torchrun examples/multimodal/train.py --tensor-model-parallel-size 1 --lr-decay-style cosine --lr 1e-4 --train-iters 90 "
        "--global-batch-size 8 --wobble 3", "LR104", "wobble is not a key of Megatron-LM that is known",
    ),
    "an option that Megatron-LM once had": (
        "h.sh", "torchrun pretrain_gpt.py --tensor-model-parallel-size 1 --lr 1e-4 --train-iters 90 --global-batch-size 8 --DDP-impl local", "LR104",
        "of older versions of Megatron-LM",
    ),
    "a key that MaxText has never had": ("x.yml", "base_config: base.yml\nlearning_rate: 2.0e-5\nsteps: 101\nwobble: 3\n", "LR111", "wobble is not a key of MaxText"),
    "an abbreviation that fits two options": (
        "a.sh", "accelerate launch train_text_to_image.py --learning_rate 1e-5 --max_train_steps 40 --lr 2", "LR110", "--lr is not an option",
    ),
    "a W&B config with a value that is a mapping": (
        "c.yaml", "wandb_version: 1\nlearning_rate:\n  value: 1e-4\nwarmup_steps:\n  value: {a: 1}\n", "LR110", "warmup_steps must be a number",
    ),
    "a warmup that is longer than the run": ("w.yaml", HF + "warmup_steps: 100\n", "LR131", "is longer than the run of 20"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FINDINGS)
def test_findings(tmp_path, kind):
    name, text, code, message = FINDINGS[kind]
    (tmp_path / name).write_text(text)
    findings = olr.lint(tmp_path / name, num_examples=80)
    assert [finding.message for finding in findings if finding.code == code and message in finding.message]
    if code == "LR111":
        assert not [finding for finding in findings if finding.code == "LR110"]


WARMED = [
    ("OneCycleLR", "max_lr=0.1, total_steps=50, pct_start=0.1", 4),
    ("LinearLR", "start_factor=0.1, total_iters=7", 7),
    ("CosineAnnealingLR", "T_max=50", 0),
]


@pytest.mark.parametrize(("name", "arguments", "warmup"), WARMED)
def test_the_warmup_of_a_scheduler_of_torch_that_begins_below_its_peak(tmp_path, name, arguments, warmup):
    kind, values = getattr(torch.optim.lr_scheduler, name), dict(pair.split("=") for pair in arguments.split(", "))
    numbers = {key: float(value) if "." in value else int(value) for key, value in values.items()}
    rates = stepped(lambda optimizer: kind(optimizer, **numbers), 0.1, 50)
    assert rates[warmup] == pytest.approx(max(rates))
    assert max([0, *rates[:warmup]]) < 0.099
    text = (
        f"import torch\nfrom torch.optim.lr_scheduler import {name}\no = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    )
    config = config_of(tmp_path, "s.py", f"{text}scheduler = {name}(o, {arguments})\n")
    assert config.plan(max_steps=50).warmup_steps == warmup


def test_whole_iterations_of_megatron_as_the_refusal_says(tmp_path):
    (tmp_path / "w.sh").write_text(FINE)
    values = {"lr_warmup_iters": 1111, "lr_decay_iters": 900_000, "lr_warmup_fraction": None}
    assert repr(olr.read_config(tmp_path / "w.sh", values=values).plan().schedule) == repr(
        olr.Linear(1e-4, 900_000, 1111)
    )


def test_the_note_on_a_programs_own_defaults_stays_where_the_trainer_is_named():
    words = ["python", "mine.py", "--learning_rate", "1e-5", "--max_steps", "40", "--train_file", "a"]
    config = olr.read_config(words, trainer="hf")
    assert config.notes == (
        "mine.py is not read, and may have other defaults for lr_scheduler_type, warmup_steps, or a schedule, batches or a loop of its own",
    )


def test_ms_swift_takes_a_ratio_of_the_warmup_in_every_version(tmp_path):
    path = tmp_path / "s.sh"
    path.write_text("swift sft --model m --dataset d --warmup_ratio 0.05 --max_steps 100")
    assert not [finding for finding in olr.lint(path) if finding.code == "LR116"]


def test_a_floor_for_a_plain_cosine_is_one_finding_that_its_fix_removes(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(HF + "min_lr: 1.0e-06\n")
    serious = [finding for finding in olr.lint(path, num_examples=80) if finding.severity != "note"]
    assert [(finding.code, finding.remedy) for finding in serious] == [
        ("LR111", "write lr_scheduler_type: cosine_with_min_lr with lr_scheduler_kwargs: {min_lr: 1e-06}")
    ]


def test_what_a_file_or_a_script_takes_from_elsewhere_is_named(tmp_path):
    settings = {"learning_rate": 1e-5, "per_device_train_batch_size": 2, "max_steps": 9}
    (tmp_path / "a.json").write_text(json.dumps({"extends": "base.yaml", **settings}))
    (config,) = olr.read_configs(tmp_path / "a.json")
    assert "extends: another file, which is not read, may hold more settings" in config.notes
    words = "train.py --learning_rate ${LR:-1e-5} --per_device_train_batch_size 2 --max_steps ${MAX_STEPS:-9} --run_name ${NAME:-a}"
    (tmp_path / "a.sh").write_text(f"LR=1e-4\nbash launch.sh {words}\npython merge.py --base a --out b\n")
    (config,) = olr.read_configs(tmp_path / "a.sh")
    assert config.settings.learning_rate == 1e-4
    start = "$MAX_STEPS 9: defaults in the script"
    assert [note for note in config.notes if note.startswith(start)]
    assert not any("left out" in note for note in config.notes)
    assert config.plan().world_size_from == "assumed: bash runs a script that is not read, which may start several"
