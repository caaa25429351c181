"""Classes and functions that hold a config in a Python script, and the names of their arguments."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.sources.errors import STATE
from optax_lr.text import words

TRAINING_ARGUMENTS = words(
    "TrainingArguments Seq2SeqTrainingArguments UnslothTrainingArguments SentenceTransformerTrainingArguments "
    "SparseEncoderTrainingArguments CrossEncoderTrainingArguments ORTTrainingArguments ORTSeq2SeqTrainingArguments "
    "GaudiTrainingArguments GaudiSeq2SeqTrainingArguments NeuronTrainingArguments"
)
# What scripts read of the arguments that a parser gives them, with transformers' defaults.
DEFAULTS: Mapping[str, int | float | str] = {
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0,
    "warmup_ratio": 0.0,
    "max_steps": -1,
    "num_train_epochs": 3.0,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
}
TRL = words(
    "SFTConfig DPOConfig GRPOConfig KTOConfig RewardConfig RLOOConfig ORPOConfig CPOConfig BCOConfig GKDConfig "
    "OnlineDPOConfig NashMDConfig XPOConfig PRMConfig PPOConfig AsyncGRPOConfig GOLDConfig"
)
# ms-swift's arguments of a whole run, in addition to those of its trainers.
SWIFT = words(
    "SftArguments TrainArguments RLHFArguments PretrainArguments MegatronSftArguments MegatronPretrainArguments "
    "MegatronRLHFArguments"
)
# Calls whose first argument is the dict of a trainer's config.
MAPPINGS = frozenset({"axolotl.utils.dict.DictDefault", "llamafactory.train.tuner.run_exp"})
# What sentence-transformers' arguments have in addition to those of transformers.
EMBEDDING_KEYS = words("prompts batch_sampler multi_dataset_batch_sampler router_mapping learning_rate_mapping")
# The constructor of a file of assignments, which nanoGPT runs as its config.
NANOGPT = "nanoGPT"
# The constructor of a rate that a script computes itself.
OWN_RATES = "a formula of the script"
# The constructor of a module of Lightning with its Trainer.
LIGHTNING = "lightning.Trainer"
# Packages whose classes of these names are known.
HOMES = ("transformers", "trl", "unsloth", "sentence_transformers", "swift", "axolotl", "llamafactory")

# transformers' functions: the schedule's name, and the names of the arguments behind the optimizer.
_LENGTHS = "num_warmup_steps num_training_steps"
_WSD = (
    "num_warmup_steps num_decay_steps num_training_steps num_stable_steps warmup_type decay_type min_lr_ratio num_cycles "
    "last_epoch"
)
FUNCTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    function: (kind, tuple(arguments.split()))
    for function, (kind, arguments) in {
        "get_scheduler": ("", f"optimizer {_LENGTHS} scheduler_specific_kwargs"),
        "get_linear_schedule_with_warmup": ("linear", f"{_LENGTHS} last_epoch"),
        "get_cosine_schedule_with_warmup": ("cosine", f"{_LENGTHS} num_cycles last_epoch"),
        "get_cosine_with_hard_restarts_schedule_with_warmup": (
            "cosine_with_restarts",
            f"{_LENGTHS} num_cycles last_epoch",
        ),
        "get_polynomial_decay_schedule_with_warmup": ("polynomial", f"{_LENGTHS} lr_end power last_epoch"),
        "get_constant_schedule": ("constant", "last_epoch"),
        "get_constant_schedule_with_warmup": ("constant_with_warmup", "num_warmup_steps last_epoch"),
        "get_inverse_sqrt_schedule": ("inverse_sqrt", "num_warmup_steps timescale last_epoch"),
        "get_cosine_with_min_lr_schedule_with_warmup": (
            "cosine_with_min_lr",
            f"{_LENGTHS} num_cycles last_epoch min_lr min_lr_rate",
        ),
        "get_wsd_schedule": ("warmup_stable_decay", _WSD),
    }.items()
}
# Our names of the arguments of transformers' functions.
RENAMED = {
    "name": "lr_scheduler_type",
    "num_warmup_steps": "warmup_steps",
    "num_training_steps": "max_steps",
    "scheduler_specific_kwargs": "lr_scheduler_kwargs",
}

_OPTAX = "optax."
_TORCH = "torch.optim.lr_scheduler."
_TIMM = "timm.scheduler."
_WARMUP_COSINE = "init_value peak_value warmup_steps decay_steps end_value exponent"
_EXPONENTIAL = "transition_steps decay_rate transition_begin staircase end_value"
_ONE_CYCLE = (
    "optimizer max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy cycle_momentum base_momentum max_momentum "
    "div_factor final_div_factor three_phase last_epoch"
)
# Schedules of other packages, with the names of their arguments.
SCHEDULES: Mapping[str, tuple[str, ...]] = {
    name: tuple(arguments.split())
    for name, arguments in {
        f"{_OPTAX}constant_schedule": "value",
        f"{_OPTAX}linear_schedule": "init_value end_value transition_steps transition_begin",
        f"{_OPTAX}polynomial_schedule": "init_value end_value power transition_steps transition_begin",
        f"{_OPTAX}cosine_decay_schedule": "init_value decay_steps alpha exponent",
        f"{_OPTAX}warmup_cosine_decay_schedule": _WARMUP_COSINE,
        f"{_OPTAX}warmup_constant_schedule": "init_value peak_value warmup_steps",
        f"{_OPTAX}join_schedules": "schedules boundaries",
        f"{_OPTAX}exponential_decay": f"init_value {_EXPONENTIAL}",
        f"{_OPTAX}warmup_exponential_decay_schedule": f"init_value peak_value warmup_steps {_EXPONENTIAL}",
        f"{_OPTAX}cosine_onecycle_schedule": "transition_steps peak_value pct_start div_factor final_div_factor",
        f"{_OPTAX}linear_onecycle_schedule": "transition_steps peak_value pct_start pct_final div_factor final_div_factor",
        f"{_OPTAX}piecewise_constant_schedule": "init_value boundaries_and_scales",
        f"{_OPTAX}piecewise_interpolate_schedule": "interpolate_type init_value boundaries_and_scales",
        f"{_OPTAX}sgdr_schedule": "cosine_kwargs",
        f"{_TORCH}StepLR": "optimizer step_size gamma last_epoch",
        f"{_TORCH}MultiStepLR": "optimizer milestones gamma last_epoch",
        f"{_TORCH}ExponentialLR": "optimizer gamma last_epoch",
        f"{_TORCH}CosineAnnealingLR": "optimizer T_max eta_min last_epoch",
        f"{_TORCH}CosineAnnealingWarmRestarts": "optimizer T_0 T_mult eta_min last_epoch",
        f"{_TORCH}LinearLR": "optimizer start_factor end_factor total_iters last_epoch",
        f"{_TORCH}ConstantLR": "optimizer factor total_iters last_epoch",
        f"{_TORCH}PolynomialLR": "optimizer total_iters power last_epoch",
        f"{_TORCH}OneCycleLR": _ONE_CYCLE,
        f"{_TORCH}SequentialLR": "optimizer schedulers milestones last_epoch",
        f"{_TIMM}CosineLRScheduler": "optimizer t_initial lr_min cycle_mul cycle_decay cycle_limit warmup_t warmup_lr_init "
        "warmup_prefix t_in_epochs noise_range_t noise_pct noise_std noise_seed k_decay initialize",
    }.items()
}
# The argument that holds the parts of a schedule that is made of several.
PARTS = {f"{_OPTAX}join_schedules": "schedules", f"{_TORCH}SequentialLR": "schedulers"}
# Schedules that set the rate themselves, whatever the optimizer's is.
OWN_RATE = frozenset({f"{_TORCH}OneCycleLR"})
# Optimizers, whose rate is `lr`, or in Optax the first argument `learning_rate`. Not torch's ASGD and transformers' Adafactor,
# which change it themselves.
_OPTIMIZERS = {
    "torch.optim.": "Adadelta Adagrad Adam Adamax AdamW Muon NAdam RAdam RMSprop SGD",
    "transformers.": "AdamW",
    "transformers.optimization.": "AdamW",
    "apex.optimizers.": "FusedAdam FusedLAMB FusedSGD",
    "deepspeed.ops.adam.": "DeepSpeedCPUAdam FusedAdam",
    "lion_pytorch.": "Lion",
    "bitsandbytes.optim.": "Adam Adam8bit AdamW AdamW8bit Lion Lion8bit PagedAdam8bit PagedAdamW PagedAdamW8bit PagedAdamW32bit "
    "PagedLion8bit SGD8bit",
    _OPTAX: "adabelief adadelta adagrad adam adamax adamaxw adamw amsgrad fromage lamb lars lion nadam nadamw novograd radam "
    "rmsprop sgd yogi",
}
OPTIMIZERS = frozenset(f"{module}{name}" for module, names in _OPTIMIZERS.items() for name in words(names))
# A function of the script, times the rate of the optimizer.
LAMBDA = f"{_TORCH}LambdaLR"
# Calls that combine schedules in a way that is not supported: their arguments are not the schedule.
NOT_READ_WHOLE = ("ChainedScheduler", "LambdaLR")
BY_HAND = f"{STATE}, or write its function as an olr.Function"
# What to do with schedules of other packages that are no config.
ELSEWHERE = {
    LAMBDA: BY_HAND,
    "torch.optim.lr_scheduler.MultiplicativeLR": "with a constant factor it is an olr.Exponential, and else an olr.Function",
    "torch.optim.lr_scheduler.ReduceLROnPlateau": "it follows a metric, so that only a log has its rates, which audit reads",
    "torch.optim.lr_scheduler": "make the scheduler in Python and hand it to olr.from_torch",
    "optax": "it is a schedule of the step already: olr.plot draws it, and docs/from_optax.md has its counterparts",
    "timm.scheduler": "olr.TimmCosine, TimmTanh and TimmPoly, or olr.Step and MultiStep, have its curves with its arguments",
    "keras.callbacks.LearningRateScheduler": "write its function of the epoch as an olr.Function",
    "keras": "docs/schedules.md has the classes of olr with such curves, and olr.Function takes any other",
}
