"""Templates of pages; the folder is a package so that installation brings it along."""
