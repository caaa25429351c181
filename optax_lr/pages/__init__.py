"""Interactive pages: curves that change as their settings are dragged, with no server and no network."""
