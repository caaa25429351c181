"""Sources of configs: text in some format as keys with values, and the line of each key. Nothing in a file is executed."""
