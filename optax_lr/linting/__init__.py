"""What is wrong with a config, what to choose, and how to write it down."""

from optax_lr.linting.lint import lint
from optax_lr.linting.recommend import Recommendation, recommend

__all__ = ["Recommendation", "lint", "recommend"]
