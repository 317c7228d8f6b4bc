"""Piecewise linear: the ReLU family."""

from actzoo import _lazy

__getattr__, __dir__ = _lazy.attach_modules(__name__, "functions")
