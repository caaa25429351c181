"""Notes on keys of training arguments, and on scripts, that change the batches or the number of examples."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.settings import YES

JOINED = re.compile(r"\brun_[cp]lm(?!\w*sft)\w*\.py$")  # transformers' examples that train on blocks of joined texts
EXAMPLE = re.compile(  # transformers' examples
    r"(?:^|/)run_(?:glue|xnli|swag|qa|seq2seq_qa|squad|ner|[cmp]lm|fim|summarization|translation|classification|"
    r"(?:audio|image)_classification|speech_recognition_\w+|semantic_segmentation|mim)\.py$"
)
_BLOCKS = "transformers' script of this name joins texts and cuts them into blocks; the number of examples is that of the blocks"
_CUTS = words(
    "max_train_samples train_sample_size max_samples num_samples num_train_samples max_examples num_examples max_train_examples "
    "sample_size train_size data_fraction train_ratio"
)
_EXAMPLES = "transformers' scripts of such names train nothing"
# Of keys that are given, and of keys that are true.
_GIVEN = {
    "per_gpu_train_batch_size": "transformers 4 took it in place of per_device_train_batch_size; 5 refuses it",
    "doc_stride": "a long text gives several examples; then the number of examples is that after the cut into features",
    "block_size": "texts may be joined and cut into blocks, as by run_clm.py; then the number of examples is that of the blocks",
    **dict.fromkeys(sorted(_CUTS), "the number of examples must be that after the cut"),
    "interleave_prob": "the number of examples must be that after the mixing",
    "gradient_accumulation_kwargs": "num_steps in it would replace gradient_accumulation_steps",
}
_TRUE = {
    "packing": "the number of examples is that of the packed rows",
    "auto_find_batch_size": "the steps are those of the batch as stated; one that does not fit is made smaller",
    "split_batches": "the processes divide a batch among them; give 1 as their number",
}


def of_the_data(values: Mapping[str, object], source: Source) -> tuple[str, ...]:
    """Notes on what changes the batches or the number of examples."""
    program, text = source.program_name, source.script_text()
    parallel, loader = (
        section if isinstance(section, Mapping) else {}
        for section in (values.get("parallelism_config"), values.get("accelerator_config"))
    )
    given = {key: loader.get(key) for key in ("split_batches", "gradient_accumulation_kwargs")} | dict(values)
    notes = [f"{key}: {note}" for key, note in _GIVEN.items() if given.get(key) is not None]
    notes += [f"{key}: {note}" for key, note in _TRUE.items() if given.get(key) in YES]
    tests = EXAMPLE.search(program) is not None if text is None else ".do_train" in text
    if tests and values.get("do_train") is None:
        notes.append(
            "do_train is not given, without which " + (_EXAMPLES if text is None else f"{program} may train nothing")
        )
    if (script := JOINED.search(program)) is not None:
        notes = [note for note in notes if not note.startswith("block_size")] + [f"{script[0]}: {_BLOCKS}"]
    notes += [
        f"parallelism_config.{key}: give the number of data-parallel ranks as the number of processes"
        for key in ("tp_size", "cp_size")
        if parallel.get(key) not in (None, 1)
    ]
    return tuple(notes)
