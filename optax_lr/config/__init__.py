"""Training configs: read as the trainer reads them, and turned into the schedule that it would run."""

from optax_lr.config.plan import Plan
from optax_lr.config.read import read_config, read_configs
from optax_lr.config.run_config import RunConfig
from optax_lr.config.settings import ConfigError, UnknownLengthError
from optax_lr.config.write import write_config

__all__ = ["ConfigError", "Plan", "RunConfig", "UnknownLengthError", "read_config", "read_configs", "write_config"]
