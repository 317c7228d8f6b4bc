"""Contextual: dependent on neighbors, an image or a batch."""

from actzoo import _lazy

__getattr__, __dir__ = _lazy.attach_modules(__name__, "layers")
