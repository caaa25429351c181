"""The linter of configs, recommendations, and edits of config files."""

from optax_lr.linting.lint import lint
from optax_lr.linting.recommend import Recommendation, recommend

__all__ = ["Recommendation", "lint", "recommend"]
