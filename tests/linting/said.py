"""The findings of a config without the notes that every plan rests on: defaults, processes, assumptions."""

import optax_lr as olr

SAID = {"LR103", "LR105"}


def wrong(source, **options):
    """`olr.lint` without the notes."""
    return tuple(found for found in olr.lint(source, **options) if found.code not in SAID)
