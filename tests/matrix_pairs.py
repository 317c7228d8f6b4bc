"""Which pairs of model and activation the suite trains, and which only CI does, a tenth a day.

All 670 pairs are the work of scripts/check_matrix.py, whose results are in docs/matrix.json.
"""

import os

IN_SIMPLE_NET = """
linear relu relu6 relu_n thresholded_relu threshold leaky_relu prelu rrelu elu selu celu
exponential gelu gelu_tanh silu hard_silu mish softplus squareplus sparse_plus softsign
sigmoid hard_sigmoid log_sigmoid tanh hard_tanh sparse_sigmoid tanh_shrink soft_shrink
hard_shrink glu softmax log_softmax sparsemax
""".split()
# A pair of a real architecture takes 10 to 60 s: the suite trains each with its usual activation.
IN_SUITE = (
    ("unet", "relu"), ("bert_tiny", "gelu"), ("resnet18", "relu"), ("mobilenet_v2", "relu6"),
)  # fmt: skip
# With other activations, CI trains a tenth of these a day; in an order in which tenths cost alike.
OUTSIDE = (
    ("unet", "relu6"), ("unet", "leaky_relu"), ("unet", "prelu"), ("unet", "silu"),
    ("unet", "gelu"), ("unet", "mish"), ("unet", "selu"),
    ("bert_tiny", "relu"), ("bert_tiny", "relu6"), ("bert_tiny", "leaky_relu"),
    ("mobilenet_v2", "silu"), ("mobilenet_v2", "selu"),
    ("bert_tiny", "prelu"), ("bert_tiny", "silu"), ("bert_tiny", "mish"), ("bert_tiny", "selu"),
    ("resnet18", "prelu"), ("resnet18", "mish"),
)  # fmt: skip
TENTHS = 10


def tenth(number: int) -> tuple[tuple[str, str], ...]:
    """Return the pairs outside the suite that belong to a tenth, 0 to 9."""
    if number not in range(TENTHS):
        raise ValueError(f"ACTZOO_TENTH is {number}; it must be 0 to {TENTHS - 1}.")
    return OUTSIDE[number::TENTHS]


def todays_tenth() -> int | None:
    """Return the tenth that ACTZOO_TENTH asks for (.ci/run sets it by the date), if any."""
    asked = os.environ.get("ACTZOO_TENTH")
    return int(asked) if asked else None


def pairs() -> list[tuple[str, str]]:
    """Return the pairs to train: those of the suite, and the tenth that is asked for."""
    number = todays_tenth()
    extra = () if number is None else tenth(number)
    return [*(("simple_net", name) for name in IN_SIMPLE_NET), *IN_SUITE, *extra]
