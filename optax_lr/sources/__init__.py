"""Sources of configs: text in some format as keys with values and lines. Nothing in a file is executed."""
