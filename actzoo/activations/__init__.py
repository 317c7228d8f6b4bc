"""The activations: a table of rows, and layers made from it.

Listing, describing and checking need no Keras; it is imported by the first `get`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.activations.analysis import gain
    from actzoo.activations.catalog import ACTIVATIONS
    from actzoo.activations.layers import (
        ActivationLike,
        function,
        get,
        identify,
        register_layers,
    )
    from actzoo.activations.lookup import (
        describe,
        format,
        names,
        parse,
        peer_names,
        reference,
        register,
    )
    from actzoo.activations.spec import ActivationSpec, Parameter

_TARGETS = {
    "ACTIVATIONS": "actzoo.activations.catalog:ACTIVATIONS",
    "ActivationLike": "actzoo.activations.layers:ActivationLike",
    "ActivationSpec": "actzoo.activations.spec:ActivationSpec",
    "Parameter": "actzoo.activations.spec:Parameter",
    "describe": "actzoo.activations.lookup:describe",
    "format": "actzoo.activations.lookup:format",
    "function": "actzoo.activations.layers:function",
    "gain": "actzoo.activations.analysis:gain",
    "get": "actzoo.activations.layers:get",
    "identify": "actzoo.activations.layers:identify",
    "names": "actzoo.activations.lookup:names",
    "parse": "actzoo.activations.lookup:parse",
    "peer_names": "actzoo.activations.lookup:peer_names",
    "reference": "actzoo.activations.lookup:reference",
    "register": "actzoo.activations.lookup:register",
    "register_layers": "actzoo.activations.layers:register_layers",
}

__all__ = [
    "ACTIVATIONS",
    "ActivationLike",
    "ActivationSpec",
    "Parameter",
    "describe",
    "format",
    "function",
    "gain",
    "get",
    "identify",
    "names",
    "parse",
    "peer_names",
    "reference",
    "register",
    "register_layers",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
