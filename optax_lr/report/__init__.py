"""Reports of audits: a page, a picture, and text for the terminal, from the same curves."""
