"""What looks at several channels at once, or changes how many there are."""

from actzoo import _lazy

__getattr__, __dir__ = _lazy.attach_modules(__name__, "functions", "layers")
