"""Training configs: the settings as the trainer reads them, and the plan: the schedule that it would run."""

from optax_lr.configs.convert import convert
from optax_lr.configs.plan import Plan
from optax_lr.configs.read import read_config, read_configs
from optax_lr.configs.run_config import RunConfig
from optax_lr.configs.write import write_config
from optax_lr.sources.errors import ConfigError

__all__ = ["ConfigError", "Plan", "RunConfig", "convert", "read_config", "read_configs", "write_config"]
