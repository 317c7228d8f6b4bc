"""Device files from the inside: forms of activations, conversion, reading, running."""
