"""How images and masks lie in folders: which belong together, whose they are, what labels mean."""
