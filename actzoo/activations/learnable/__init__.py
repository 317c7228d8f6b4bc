"""Learned shapes, and random ones in training."""

from actzoo import _lazy

__getattr__, __dir__ = _lazy.attach_modules(__name__, "layers", "smooth_layers")
