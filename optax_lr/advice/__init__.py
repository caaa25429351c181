"""What is wrong with a config, what to choose, and how to write it down."""

from optax_lr.advice.findings import Edit, Finding, Rule, Severity

__all__ = ["Edit", "Finding", "Rule", "Severity"]
