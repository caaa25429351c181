"""The public reports that the tests cover. A test names its reports with `@about("C03")`; every report needs a test."""

from __future__ import annotations

from collections.abc import Callable

# Where each was reported first.
REPORTS = {
    "C03": "huggingface/transformers#41326",
    "C04": "huggingface/peft#2949",
    "C05": "ThilinaRajapakse/pytorch-transformers-classification#14",
    "C07": "hiyouga/LlamaFactory#8359",
    "C09": "PrimeIntellect-ai/prime-rl#968",
    "C10": "huggingface/transformers#9127",
    "C11": "lindermanlab/S5#11",
    "C14": "AI-Hypercomputer/maxtext#3095",
    "C16": "keras-team/keras#18722",
    "C17": "huggingface/transformers#20552",
    "C19": "bmaltais/kohya_ss#881",
    "C20": "huggingface/diffusers#3606",
    "C22": "microsoft/Semi-supervised-learning#206",
    "C24": "huggingface/transformers#5045",
    "C26": "huggingface/open-muse#144",
    "C27": "EleutherAI/gpt-neox#1008",
    "C28": "verl-project/verl#1400",
    "C29": "jzhang38/TinyLlama#27",
    "C32": "huggingface/transformers#34905",
    "C33": "hiyouga/LlamaFactory#7304",
    "C35": "a public regression test",
    "C36": "pytorch/torchtitan#1284",
    "C37": "pytorch/torchtitan#950",
    "C39": "huggingface/transformers#6361",
    "C41": "huggingface/transformers#28982",
    "C43": "hiyouga/LlamaFactory#4014",
    "C44": "hiyouga/LlamaFactory#8505",
    "C45": "hiyouga/LlamaFactory#2661",
    "C47": "public notes on a run",
    "C49": "the recipes of alignment-handbook and open-r1",
    "C50": "public notes on a config of the web UI",
    "C51": "axolotl-ai-cloud/axolotl#334",
    "C52": "huggingface/transformers#36297",
    "C54": "unslothai/unsloth-zoo#873",
    "C56": "Lightning-AI/pytorch-lightning#19684",
    "C57": "huggingface/datasets#5773",
    "C59": "bghira/SimpleTuner#960",
    "C60": "lightly-ai/lightly#1644",
    "C62": "huggingface/transformers#26827",
    "C63": "huggingface/diffusers#4387",
    "C65": "Lightning-AI/pytorch-lightning#11599",
    "C69": "hiyouga/LlamaFactory#3321",
    "C70": "THUDM/slime#1547",
    "C71": "pytorch/pytorch#160626",
    "C72": "pytorch/pytorch#40971",
    "C73": "pytorch/pytorch#17913",
    "C74": "pytorch/pytorch#47560",
    "C75": "pytorch/pytorch#23480",
    "C76": "pytorch/pytorch#185872",
    "C77": "pytorch/pytorch#72874",
    "C79": "pytorch/pytorch#193682",
    "C80": "pytorch/pytorch#185006",
    "C81": "pytorch/pytorch#38170",
    "C82": "pytorch/pytorch#44619",
    "C84": "pytorch/pytorch#2545",
    "C85": "pytorch/pytorch#174515",
    "C86": "google-deepmind/optax#1767",
    "C87": "pytorch/pytorch#30873",
    "C89": "huggingface/transformers#23952",
    "C91": "keras-team/keras#8100",
    "C94": "fastino-ai/GLiNER2#94",
    "C96": "axolotl-ai-cloud/axolotl#28",
    "C97": "google-deepmind/optax#415",
    "C99": "huggingface/transformers#35942",
    "C100": "google-deepmind/optax#577",
    "C101": "google-deepmind/optax#1532",
    "C103": "tensorflow/tensorflow#2859",
    "C104": "goodfire-ai/spd#642",
    "C105": "hiyouga/LlamaFactory#2495",
    "C106": "QwenLM/Qwen-VL#183",
    "C107": "deepspeedai/DeepSpeed#771",
}
# Requests that this library cannot fulfil, with the part that is tested.
ONLY_IN_PART = {
    "C69": "a checkpoint's own total is not in a config, so that the linter cannot compare the two",
    "C79": "no config has total_iters, so there is nothing to lint; the values are tested",
    "C89": "no config states the metrics of an evaluation, so a missing one is not found before",
    "C86": "the sign of a metric is not known before training, so that the linter is silent; the docstring says it",
}
TESTED: dict[str, list[str]] = {}


def about(*reports: str) -> Callable[[Callable], Callable]:
    """Mark a test as a test of these reports."""

    def mark(test: Callable) -> Callable:
        for report in reports:
            TESTED.setdefault(report, []).append(f"{test.__module__}.{test.__name__}")
        return test

    return mark
