"""Training configs: read as the trainer reads them, and turned into the schedule that it would run."""

from optax_lr.config.plan import Plan
from optax_lr.config.read import ConfigError, RunConfig, read_config, read_configs

__all__ = ["ConfigError", "Plan", "RunConfig", "read_config", "read_configs"]
