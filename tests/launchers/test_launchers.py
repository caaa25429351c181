"""How many processes a command starts, and which part of it is the training program."""

import json

import pytest

import optax_lr as olr
from optax_lr.launchers import program_of

RUN = "train.py --learning_rate 1e-4 --num_train_epochs 1"
MODULE = f"pkg.{RUN.replace('.py', '')}"

COMMANDS = [
    ("axolotl train c.yaml --launcher torchrun -- --nproc_per_node=8", 8),
    ("axolotl train c.yaml --launcher=accelerate --num-processes 4 -- --num_processes 2", 2),
    ("axolotl train c.yaml --num-processes 4 --learning-rate 1e-4", 4),
    ("axolotl train c.yaml --launcher python -- --num_processes 2", 1),
    ("CUDA_VISIBLE_DEVICES=0,1 axolotl train c.yaml", 2),
    ("axolotl train c.yaml", None),
    (f"torchrun {RUN}", 1),
    (f"torchrun --nproc_per_node 8 --nnodes 2 {RUN}", 16),
    ("\ue000$ENV\ue001 NPROC_PER_NODE=4 swift sft --model m --dataset d --num_train_epochs 1", 4),
    (f"torchrun --nproc-per-node=4 --nnodes=1:1 {RUN}", 4),
    (f"torchrun --nproc_per_node=4 --nnodes=1:3 {RUN}", None),
    (f"nsys profile -o trace torchrun --nproc_per_node 4 {RUN}", 4),
    (f"apptainer run --nv -B /data:/data image.sif torchrun --nproc_per_node 4 {RUN}", 4),
    (f"singularity exec --env CUDA_VISIBLE_DEVICES=0,1 image.sif torchrun --nproc_per_node=gpu {RUN}", 2),
    (f"docker run --gpus all -e A=1 image:latest accelerate launch --num_processes 3 {RUN}", 3),
    (f"torchrun --nproc_per_node=gpu {RUN}", None),
    (f"CUDA_VISIBLE_DEVICES=0,1 torchrun --nproc_per_node=gpu {RUN}", 2),
    (f"PET_NPROC_PER_NODE=6 torchrun {RUN}", 6),
    (f"PET_NPROC_PER_NODE=6 torchrun --nproc_per_node 2 {RUN}", 2),
    (f"python -m torch.distributed.launch --nproc_per_node=4 {RUN}", 4),
    (f"python3 -m torch.distributed.run --nproc_per_node 3 -m {MODULE}", 3),
    (f"accelerate launch --num_processes 8 --num_machines 2 {RUN}", 8),
    (f"accelerate launch --num-processes=4 --mixed_precision bf16 -m {MODULE}", 4),
    (f"accelerate launch -m --num_processes 8 {MODULE}", 8),
    (f"accelerate launch --mixed_precision bf16 --module --multi_gpu --num_processes=6 {MODULE}", 6),
    (f"torchrun -m --standalone --nproc_per_node 2 {MODULE}", 2),
    (f"deepspeed --module --num_gpus 4 {MODULE}", 4),
    (f"accelerate launch {RUN}", None),
    (f"accelerate launch --config_file zero3.yaml {RUN}", None),
    (f"CUDA_VISIBLE_DEVICES=0,1,2 accelerate launch {RUN}", 3),
    (f"deepspeed --num_gpus 4 {RUN}", 4),
    (f"deepspeed --num_gpus 4 --num_nodes 2 --hostfile h {RUN}", 8),
    (f"deepspeed --hostfile h --num_gpus 4 {RUN}", None),
    (f"deepspeed --include localhost:0,1,2 {RUN}", 3),
    (f"deepspeed --include h0:0,2@h1:1 {RUN}", 3),
    (f"deepspeed --include h0:0-3 {RUN}", None),
    (f"deepspeed {RUN}", None),
    (f"CUDA_VISIBLE_DEVICES=1,3 deepspeed --master_port 29500 {RUN}", 2),
    (f"python submit.py --nodes 2 --image i -- accelerate launch --num_processes 8 {RUN}", 8),
    # mason.py of open-instruct writes 8 * 3 for the 8, and leaves other launchers as they are.
    (f"python mason.py --num_nodes 3 --gpus 8 -- accelerate launch --num_machines 3 --num_processes 8 {RUN}", 24),
    (f"python mason.py --num_nodes \ue000$N\ue001 -- accelerate launch --num_processes 8 {RUN}", None),
    (f"uv run mason.py --num_nodes 3 --gpus 8 -- torchrun --nproc_per_node 4 {RUN}", 4),
    (f"mpirun -np 4 -x PATH python {RUN}", 4),
    (f"horovodrun -np 2 -H localhost:2 python {RUN}", 2),
    (f"srun --ntasks=6 python {RUN}", 6),
    (f"srun -N 2 --ntasks-per-node=4 python {RUN}", 8),
    (f"srun --jobid 7 torchrun --nproc_per_node 8 --nnodes 2 {RUN}", 16),
    (f"srun -N 1 accelerate-launch --num_processes 4 {RUN}", 4),
    (f"nohup env A=1 uv run --with x python {RUN}", 1),
    (f"CUDA_VISIBLE_DEVICES=0,1 python {RUN}", 2),  # DataParallel
    ("NPROC_PER_NODE=4 swift sft --model m", 4),
    ("NPROC_PER_NODE=4 NNODES=2 swift sft --model m", 8),
    ("CUDA_VISIBLE_DEVICES=0,1 swift sft --model m", 1),  # one process with a device map
    ("FORCE_TORCHRUN=1 NNODES=2 NPROC_PER_NODE=4 llamafactory-cli train a.yaml", 8),
    ("CUDA_VISIBLE_DEVICES=0,1 llamafactory-cli train a.yaml", 2),
    ("llamafactory-cli train a.yaml", None),
    ("torchrun --nproc_per_node 4 -m llamafactory.launcher a.yaml", 4),
    ("trl sft --num_processes 4 --dataset_name d", 4),
    ("trl sft --dataset_name d", None),
    ("tune run --nproc_per_node 4 lora_finetune_distributed --config a.yaml", 4),
    ("tune run --nnodes 2 --nproc-per-node=4 --standalone lora_finetune_distributed --config a.yaml", 8),
    ("tune run --nnodes 1:3 --nproc_per_node 4 lora_finetune_distributed --config a.yaml", None),
    (f"timeout -k 5 3600 nice -n 5 env A=1 torchrun --nproc_per_node 2 {RUN}", 2),
    (f"timeout --signal=INT --foreground 1h nice -10 torchrun --nproc_per_node 2 {RUN}", 2),
    (f"ionice -c 3 -n 7 nice taskset -c 0,1 torchrun --nproc_per_node 2 {RUN}", 2),
    ("tune run lora_finetune_single_device --config a.yaml", 1),
    (f"nsys profile -t cuda,nvtx -o x torchrun --nproc_per_node 4 {RUN}", 4),
    (f"numactl -N 0 -m 0 sudo -u me torchrun --nproc_per_node 2 {RUN}", 2),
    (f"env -u A CUDA_VISIBLE_DEVICES=0,1 stdbuf -o L torchrun --nproc_per_node=gpu {RUN}", 2),
    (f"pixi run -e gpu coverage run {RUN}", 1),
    (f"python -m cProfile -o out {RUN}", 1),
    (f"srun -n4 python {RUN}", 4),
    (f"srun -N2 --ntasks-per-node=4 python {RUN}", 8),
    (f"jsrun -n 2 -a 4 python {RUN}", None),
    (f"colossalai run --nproc_per_node 4 {RUN}", None),
    (f"ssh host torchrun --nproc_per_node 8 {RUN}", 8),
    (f"ray job submit --working-dir . -- python {RUN}", 1),
]


@pytest.mark.parametrize(("command", "count"), COMMANDS)
def test_the_number_of_processes(command, count):
    program, processes = program_of(command.split(), {})
    assert processes.count == count, processes
    assert processes.origin
    trainers = ("axolotl train", "swift sft", "llamafactory-cli train", "trl sft", "tune run")
    assert program.name in ("train.py", "pkg.train", *trainers)
    if RUN in command or "pkg." in command:
        assert dict(program.options) == {"learning_rate": "1e-4", "num_train_epochs": "1"}
    if program.name == "tune run":
        assert (program.positional[0].split("_")[0], dict(program.options)) == ("lora", {"config": "a.yaml"})


def plan_of(tmp_path, text, named="", **options):
    """The plan of a script, which may name the file `c.yaml`."""
    (tmp_path / "c.yaml").write_text(named)
    path = tmp_path / "run.sh"
    path.write_text(text)
    return olr.read_config(path).plan(**options)


def test_the_plan_uses_the_number_of_processes_of_the_launcher(tmp_path):
    command = f"torchrun --nproc_per_node 8 --nnodes 2 {RUN} --per_device_train_batch_size 4\n"
    plan = plan_of(tmp_path, command, num_examples=6400)
    origin = "torchrun --nproc_per_node 8 --nnodes 2"
    assert (plan.max_steps, plan.world_size, plan.world_size_from) == (100, 16, origin)
    given = plan_of(tmp_path, command, num_examples=6400, world_size=1)
    assert (given.max_steps, given.world_size_from) == (1600, "given")
    unknown = plan_of(tmp_path, f"accelerate launch {RUN}\n", num_examples=80)
    assert unknown.world_size == 1
    assert unknown.world_size_from.startswith("assumed; accelerate launch without --num_processes")
    assert unknown.world_size_from.endswith("; give --world-size")
    (stated,) = [found for found in olr.lint(tmp_path / "run.sh", num_examples=80) if found.code == "LR103"]
    assert "1 process (assumed; accelerate launch without --num_processes" in stated.message


@pytest.mark.parametrize(
    ("script", "named", "count"),
    [
        (f"accelerate launch --config_file c.yaml {RUN}", "distributed_type: MULTI_GPU\nnum_processes: 4\n", 4),
        (f"accelerate launch --config_file c.yaml {RUN}", "distributed_type: 'NO'\nnum_processes: 4\n", 1),
        ("trl sft --dataset_name d --learning_rate 1e-5 --accelerate_config zero2", "", 8),
        ("trl sft --config c.yaml", "dataset_name: d\nnum_processes: 2\nlearning_rate: 1.0e-5\n", 2),
        ("trl sft --accelerate_config multi_gpu --num_processes 4 --learning_rate 1e-5 --dataset_name d", "", 4),
        ("swift sft c.yaml", "model: m\ndataset: d\ntuner_type: lora\nENV: {NPROC_PER_NODE: 4}\n", 4),
        (f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node 4\nsrun python {RUN}", "", 8),
        (f"#!/bin/bash\n#SBATCH -N 4\nsrun torchrun --nnodes $SLURM_NNODES --nproc_per_node 8 {RUN}", "", 32),
    ],
)
def test_files_of_launchers_and_job_sizes_of_slurm(tmp_path, script, named, count):
    plan = plan_of(tmp_path, script, named, num_examples=640)
    assert plan.world_size == count
    assert "c.yaml" not in script or plan.world_size_from.endswith("in c.yaml")


GRPO = {"learning_rate": 1e-5, "num_generations": 8, "max_completion_length": 64, "per_device_train_batch_size": 2}
SFT = {"learning_rate": 1e-5, "num_train_epochs": 1, "per_device_train_batch_size": 2}
FACTORY = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 1e-5, "per_device_train_batch_size": 2}


@pytest.mark.parametrize(
    ("values", "steps"),
    [  # of an epoch of 560 examples; those of GRPO are whole chunks of 7 * 2 * 8 completions of 14 prompts
        (GRPO | {"gradient_accumulation_steps": 8, "num_train_epochs": 1, "num_processes": 7}, 40),
        (SFT | {"num_processes": 7}, 40),
        ({"training": SFT | {"num_processes": 7, "lr_scheduler_type": "cosine"}}, 40),
        ({"training": SFT | {"lr_scheduler_type": "cosine"}, "num_processes": 7}, 40),
        (FACTORY | {"num_train_epochs": 1, "num_processes": 7}, 40),
    ],
)
def test_num_processes_of_a_file(tmp_path, values, steps):
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(values))
    plan = olr.read_config(path).plan(num_examples=560)
    assert (plan.max_steps, plan.world_size, plan.world_size_from) == (steps, 7, f"num_processes in {path}")
    assert "num_processes" not in olr.read_config(path).unknown or values.keys() >= FACTORY.keys()
    given = olr.read_config(path).plan(num_examples=560, world_size=14)
    assert (given.max_steps, given.world_size_from) == (steps // 2, "given")
    assert olr.read_config(path, values={"num_processes": 14}).plan(num_examples=560).max_steps == steps // 2


def test_a_launcher_decides_before_num_processes_of_a_file(tmp_path):
    named = json.dumps(SFT | {"num_processes": 7})
    plan = plan_of(tmp_path, "torchrun --nproc_per_node 2 train_sft.py --config c.yaml", named, num_examples=560)
    assert plan.max_steps == 140
    (note,) = [note for note in olr.read_config(tmp_path / "run.sh").notes if "num_processes" in note]
    assert note == "num_processes 7 in c.yaml does not decide; the command does: 2 (torchrun --nproc_per_node 2)"
    plan = plan_of(tmp_path, "accelerate launch train_sft.py --config c.yaml", named, num_examples=560)
    assert (plan.max_steps, plan.world_size_from) == (40, "num_processes in c.yaml")


@pytest.mark.parametrize(
    "launcher", ["accelerate launch --config_file c.yaml --num_processes", "torchrun --nproc_per_node"]
)
def test_an_unknown_number_of_a_launcher_is_not_that_of_a_file(tmp_path, launcher):
    command = f"{launcher} $N train_sft.py --config c.yaml"
    plan = plan_of(tmp_path, command, json.dumps(SFT | {"num_processes": 7}), num_examples=560)
    assert plan.world_size_from.startswith("assumed; ")
    assert plan.world_size_from.endswith(" $N; give --world-size")


def test_torchrun_takes_beginnings_of_its_options(tmp_path):
    plan = plan_of(tmp_path, f"torchrun --nproc_per_node=8 --node_rank 0 --nnode 4 {RUN} --max_steps 9\n")
    assert plan.world_size == 32


@pytest.mark.parametrize("more", ["", "num_processes: 2\n"])
def test_num_processes_of_a_command_of_trl_decides(tmp_path, more):
    command = "trl sft --config c.yaml --accelerate_config multi_gpu --num_processes 4"
    plan = plan_of(tmp_path, command, f"dataset_name: d\nlearning_rate: 1.0e-5\n{more}", num_examples=640)
    assert (plan.world_size, plan.world_size_from) == (4, "trl --num_processes 4")


def test_options_of_tune_run_are_no_keys_of_the_recipe(tmp_path):
    recipe = "optimizer: {_component_: torch.optim.AdamW, lr: 1.0e-4}\nepochs: 1\nbatch_size: 2\n"
    command = "tune run --nproc_per_node 4 full_finetune_distributed --config c.yaml optimizer.lr=2e-4"
    plan = plan_of(tmp_path, command, recipe, num_examples=640)
    assert (plan.world_size, plan.max_steps, plan.schedule.learning_rate) == (4, 80, 2e-4)
    assert not olr.read_config(tmp_path / "run.sh").unknown


def test_devices_of_a_model_card(tmp_path):
    card = "- learning_rate: 5e-05\n- train_batch_size: 4\n- gradient_accumulation_steps: 2\n- num_epochs: 1\n"
    path = tmp_path / "README.md"
    for more, count in (("- num_devices: 8\n", 8), ("- total_train_batch_size: 32\n", 4), ("", 1)):
        path.write_text(card + more)
        assert olr.read_config(path).plan(num_examples=64).world_size == count
    path.write_text("- learning_rate: 5e-05\n- lr_scheduler_type: cosine_with_restarts\n- training_steps: 1000\n")
    codes = {found.code: found.message for found in olr.lint(path)}
    assert "LR141" not in codes
    assert codes["LR105"].startswith("a card does not list lr_scheduler_kwargs")
