"""An audit to look at: one page, a picture, or lines of text, all of the same curves."""
