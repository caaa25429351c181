"""Benchmarks: tables of ratios, printed; `python -m benchmarks` prints them all."""
