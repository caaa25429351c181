"""`python -m benchmarks`: print the tables of speed and accuracy."""

from benchmarks import calls, kinds, monitor, processes, startup, sweep, ulp, weight

for part in (ulp, weight, sweep, kinds, calls, monitor, processes, startup):
    print(f"\n## {part.__doc__.splitlines()[0]}\n")
    part.main()
