"""`python -m optax_lr`: the command line."""

from optax_lr.cli import main

if __name__ == "__main__":
    main()
