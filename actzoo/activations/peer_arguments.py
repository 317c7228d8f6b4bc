"""The arguments that other packages' functions take, read as ours.

`"torch:Hardtanh(min_val=0, max_val=6)"` is written as PyTorch's users write it. Where a peer has
another word for an argument of our row, the table below has both; where an argument chooses among
what are several rows here, it says which. Our own words are taken as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from actzoo import errors
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.spec import ActivationSpec

# Peer -> row ("" for all) -> the peer's argument -> ours; "" for one that changes no value.
WORDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "torch": {
        "": {"dim": "axis", "inplace": ""},
        "hard_shrink": {"lambd": "threshold"},
        "hard_tanh": {"min_val": "min_value", "max_val": "max_value"},
        "prelu": {"init": "negative_slope"},
        "soft_shrink": {"lambd": "threshold"},
        "softplus": {"threshold": "linear_above"},
    },
    "keras": {"threshold": {"default_value": "value"}},
    "keras2": {
        "leaky_relu": {"alpha": "negative_slope"},
        "relu": {"alpha": "negative_slope"},
        "thresholded_relu": {"theta": "threshold"},
    },
    "tf": {"leaky_relu": {"alpha": "negative_slope"}},
    "paddle": {
        "hard_tanh": {"min": "min_value", "max": "max_value"},
        "prelu": {"init": "negative_slope"},
        "softplus": {"threshold": "linear_above"},
    },
    "onnx": {
        "hard_shrink": {"lambd": "threshold"},
        "leaky_relu": {"alpha": "negative_slope"},
        "thresholded_relu": {"alpha": "threshold"},
    },
}

# Peer -> its word for the form of GELU that it means -> our row.
FORMS_OF_GELU: Mapping[str, Mapping[object, str]] = {
    **{peer: {"none": "gelu", "tanh": "gelu_tanh"} for peer in ("torch", "onnx")},
    **{
        peer: {False: "gelu", True: "gelu_tanh"}
        for peer in ("keras", "keras2", "tf", "jax", "flax", "paddle")
    },
}


def read(
    peer: str, row: ActivationSpec, given: Mapping[str, object]
) -> tuple[ActivationSpec, dict[str, object]]:
    """Return the row and the arguments that a peer's arguments stand for.

    Args:
        peer: What the table of peers calls it.
        row: Row that the peer's name stands for.
        given: Arguments, in the peer's words or in ours.

    Raises:
        ActzooError: A value is not allowed, or given in both words.
    """
    tables = WORDS.get(peer, {})
    words = {**tables.get("", {}), **tables.get(row.name, {})}
    renamed: dict[str, object] = {}
    for name, value in given.items():
        ours = words.get(name, name)
        if ours in renamed:
            raise errors.InvalidValueError(
                f"{row.name}: {ours} is given twice, once as {errors.shown(name)}.\nGive it once.",
                given=dict(given),
            )
        if ours:
            renamed[ours] = value
    if peer in ("keras", "keras2") and row.name == "relu" and renamed:
        name, arguments = relu(renamed)
        return ACTIVATIONS.get(name), arguments
    forms = FORMS_OF_GELU.get(peer, {})
    if row.name in ("gelu", "gelu_tanh") and renamed.get("approximate") in forms:
        return ACTIVATIONS.get(forms[renamed.pop("approximate")]), renamed
    return row, renamed


def relu(given: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return the row, and its arguments, of Keras' ReLU with a slope, a limit and a threshold.

    Args:
        given: `negative_slope`, `max_value` and `threshold`, as far as they are set.
    """
    usual = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}
    full = {**usual, **ACTIVATIONS.get("relu_n").check(given)}
    changed = {name: value for name, value in full.items() if value != usual[name]}
    if not changed:
        return "relu", {}
    if changed == {"max_value": 6.0}:
        return "relu6", {}
    alone = {
        "negative_slope": "leaky_relu",
        "max_value": "relu_n",
        "threshold": "thresholded_relu",
    }
    return (alone[next(iter(changed))], changed) if len(changed) == 1 else ("relu_n", full)
