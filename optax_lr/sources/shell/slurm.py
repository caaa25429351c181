"""The sizes of a job by the `#SBATCH` lines of its script."""

from __future__ import annotations

import re

_LINE = re.compile(r"(?m)^#SBATCH\s+(--?[\w-]+)(?:=|\s+)?(\S*)")
# The variables that Slurm sets for each option.
_VARIABLES = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks": ("SLURM_NTASKS",),
    "-n": ("SLURM_NTASKS",),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
}


def job_sizes(text: str) -> dict[str, str]:
    """The variables that Slurm sets for a script.

    >>> job_sizes("#!/bin/bash\\n#SBATCH --nodes=2\\n#SBATCH --time=1:00:00\\n")
    {'SLURM_NNODES': '2', 'SLURM_JOB_NUM_NODES': '2'}
    """
    stated = [(option, value) for option, value in _LINE.findall(text) if value.isdigit()]
    return {variable: value for option, value in stated for variable in _VARIABLES.get(option, ())}


def job_folder(text: str) -> str:
    """The folder in which Slurm starts a script.

    >>> job_folder("#!/bin/bash\\n#SBATCH --chdir=work\\n")
    'work'
    """
    stated = [value for option, value in _LINE.findall(text) if option in ("--chdir", "-D")]
    return stated[-1] if stated else "."
