"""The exit codes of `optax-lr`, on which a script can rely."""

FINE, FINDINGS, BAD_INPUT = 0, 1, 2
