"""The `segue` command: one file per noun, imported when it is called."""
