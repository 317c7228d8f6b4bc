"""How each activation is written for a device: the table of forms.

The same algebra written differently trains alike but converts differently: `log(1 + exp(x))`
overflows in TFLite where Keras stays finite, and a branch by SELECT breaks the run of operators
that the runtime would fold into one table. A float form is stable and made of builtin operators;
an int8 form is a chain that folds (see `docs/design.md`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from actzoo import activations
from actzoo._lazy import resolve
from actzoo.device import chains, stable

Form = Callable[..., Any]  # (x, **params) -> tensor


@dataclasses.dataclass(frozen=True)
class DeviceForm:
    """How one activation is written for a device.

    Attributes:
        float: Stable form out of builtin operators, equal to Keras; None keeps the layer.
        int8: Chain that the runtime folds into one table; None takes the float form.
        fits: Whether that chain holds for some parameters; None for all.
        last: TFLite operators of the int8 form with two computed operands. They must be int8 too
            for the run before them to fold (the int8 input of a run may be used more than once,
            a float value inside of it may not).
        tail: The int8 form ends in scalar arithmetic, such as a factor or a change of sign. The
            converter may move it into the layer behind, which is fine; where several layers are
            behind, it would be moved into some only and leave a second run, so it is then held in
            place by one operator more. A function of the parameters where it depends on them.
        folds: Whether no float operator is left in the int8 form: it becomes tables and int8
            operators, or melts into the layer beside.
        several: It becomes several operators all the same, not one table.
        why: Why it does not fold.
    """

    float: Form | None = None
    int8: Form | None = None
    fits: Callable[..., bool] | None = None
    last: tuple[str, ...] = ()
    tail: bool | Callable[..., bool] = False
    folds: bool = True
    several: bool = False
    why: str = "looks at more than one value"

    @property
    def one_table(self) -> bool:
        """Whether it costs no more than one table."""
        return self.folds and not self.several


FORMS: dict[str, DeviceForm] = {
    "linear": DeviceForm(stable.linear),
    "relu": DeviceForm(stable.relu),
    "relu6": DeviceForm(stable.relu6),
    "relu_n": DeviceForm(stable.relu_n, chains.relu_n, tail=True),
    "thresholded_relu": DeviceForm(stable.threshold, chains.threshold, tail=True),
    "threshold": DeviceForm(stable.threshold, chains.threshold, tail=True),
    "leaky_relu": DeviceForm(stable.leaky_relu),
    "prelu": DeviceForm(stable.prelu),
    "rrelu": DeviceForm(stable.rrelu),
    "elu": DeviceForm(stable.elu),
    "selu": DeviceForm(stable.selu),
    "celu": DeviceForm(stable.celu, tail=True),
    "gelu": DeviceForm(stable.gelu),
    "gelu_tanh": DeviceForm(stable.gelu_tanh),
    "silu": DeviceForm(stable.silu, last=("MUL",)),
    "hard_silu": DeviceForm(stable.hard_silu),
    "mish": DeviceForm(stable.mish, last=("MUL",)),
    "softplus": DeviceForm(stable.softplus, chains.softplus),
    "squareplus": DeviceForm(stable.squareplus, chains.squareplus, last=("ADD",), tail=True),
    "softsign": DeviceForm(stable.softsign, chains.softsign, last=("MUL",)),
    "sigmoid": DeviceForm(stable.sigmoid),
    "hard_sigmoid": DeviceForm(stable.hard_sigmoid, tail=True),
    "log_sigmoid": DeviceForm(stable.log_sigmoid, chains.log_sigmoid),
    "tanh": DeviceForm(stable.tanh),
    "hard_tanh": DeviceForm(stable.hard_tanh),
    "tanh_shrink": DeviceForm(stable.tanh_shrink, last=("SUB",)),
    "soft_shrink": DeviceForm(stable.soft_shrink, chains.soft_shrink, tail=True),
    "hard_shrink": DeviceForm(stable.hard_shrink, chains.hard_shrink, last=("MUL",)),
    "sparse_plus": DeviceForm(stable.sparse_plus, chains.sparse_plus),
    "sparse_sigmoid": DeviceForm(stable.sparse_sigmoid, tail=True),
    "exponential": DeviceForm(stable.exponential),
    "plu": DeviceForm(int8=chains.plu, tail=True),
    "srelu": DeviceForm(int8=chains.srelu, fits=chains.srelu_fits, tail=True),
    "apl": DeviceForm(int8=chains.apl, fits=chains.apl_fits, tail=True),
    "pact": DeviceForm(int8=chains.pact),
    "flexible_relu": DeviceForm(int8=chains.flexible_relu, tail=True),
    "tlu": DeviceForm(int8=chains.tlu),
    "tlu_affine": DeviceForm(int8=chains.tlu_affine, fits=chains.tlu_affine_fits, tail=True),
    "relu_squared": DeviceForm(),
    "star_relu": DeviceForm(int8=chains.star_relu, tail=True),
    "poly_relu": DeviceForm(int8=chains.poly_relu, fits=chains.poly_relu_fits, tail=True),
    "relu_absolute": DeviceForm(),
    "nlrelu": DeviceForm(),
    "sine_relu": DeviceForm(int8=chains.sine_relu, fits=chains.sine_relu_fits),
    "elu_plus_one": DeviceForm(int8=chains.elu_plus_one, tail=True),
    "elish": DeviceForm(int8=chains.elish, last=("MUL",)),
    "hard_elish": DeviceForm(int8=chains.hard_elish, last=("MUL",)),
    "symexp": DeviceForm(int8=chains.symexp, last=("MUL",)),
    "pelu": DeviceForm(int8=chains.pelu, tail=True),
    "mpelu": DeviceForm(int8=chains.mpelu, fits=chains.mpelu_fits, tail=True),
    "soft_exponential": DeviceForm(
        int8=chains.soft_exponential, fits=chains.soft_exponential_fits, tail=True
    ),
    "xielu": DeviceForm(int8=chains.xielu, fits=chains.xielu_fits, last=("MUL",)),
    "smelu": DeviceForm(int8=chains.smelu),
    "quick_gelu": DeviceForm(last=("MUL",)),
    "gelu_linear": DeviceForm(int8=chains.gelu_linear, tail=True),
    "gelu_clipped": DeviceForm(int8=chains.gelu_clipped),
    "e_swish": DeviceForm(int8=chains.e_swish, last=("MUL",)),
    "flatten_t_swish": DeviceForm(int8=chains.flatten_t_swish, last=("MUL",), tail=True),
    "hard_mish": DeviceForm(int8=chains.hard_mish, last=("MUL",)),
    "tanh_exp": DeviceForm(last=("MUL",)),
    "serf": DeviceForm(stable.serf, chains.serf, last=("MUL",)),
    "phish": DeviceForm(last=("MUL",)),
    "logish": DeviceForm(last=("MUL",)),
    "smish": DeviceForm(last=("MUL",)),
    "gish": DeviceForm(last=("MUL",)),
    "loglogish": DeviceForm(last=("MUL",)),
    "golu": DeviceForm(last=("MUL",)),
    "lisht": DeviceForm(last=("MUL",)),
    "colu": DeviceForm(int8=chains.colu, last=("MUL",)),
    "suish": DeviceForm(int8=chains.suish, last=("MUL",)),
    "isrlu": DeviceForm(last=("MUL",)),
    "med_relu": DeviceForm(int8=chains.med_relu, last=("MUL",)),
    "atlu": DeviceForm(stable.atlu, chains.atlu),
    "sqrt_softplus": DeviceForm(stable.sqrt_softplus, chains.sqrt_softplus),
    "logcosh": DeviceForm(stable.logcosh, chains.logcosh, tail=True),
    "bent_identity": DeviceForm(int8=functools.partial(chains.blu, beta=0.5), last=("ADD",)),
    "seagull": DeviceForm(int8=chains.seagull),
    "swoosh_l": DeviceForm(stable.swoosh_l, chains.swoosh_l, last=("SUB",), tail=True),
    "swoosh_r": DeviceForm(stable.swoosh_r, chains.swoosh_r, last=("SUB",), tail=True),
    "trainable_swish": DeviceForm(int8=chains.gated_sigmoid, last=("MUL",)),
    "sinlu": DeviceForm(int8=chains.sinlu, last=("LOGISTIC", "ADD", "MUL"), several=True),
    "aria2": DeviceForm(stable.aria2, chains.aria2, last=("MUL",)),
    "acon_b": DeviceForm(int8=chains.acon_b, last=("MUL",)),
    "acon_c": DeviceForm(int8=chains.acon, last=("MUL",)),
    "smu": DeviceForm(stable.smu, chains.smu, fits=chains.smu_fits, last=("ADD",), tail=True),
    "smu1": DeviceForm(int8=chains.smu1, last=("ADD",), tail=True),
    "pau": DeviceForm(folds=False, why="is a rational function, which no one chain gives"),
    "blu": DeviceForm(int8=chains.blu, last=("ADD",)),
    "xatlu": DeviceForm(stable.xatlu, chains.atlu, fits=chains.xatlu_fits),
    "dyt": DeviceForm(int8=chains.dyt, tail=True),
    "arelu": DeviceForm(int8=chains.arelu, tail=True),
    "prob_act": DeviceForm(chains.prob_act),
    "hard_sigmoid_keras2": DeviceForm(int8=chains.hard_sigmoid_keras2, tail=True),
    "lecun_tanh": DeviceForm(chains.lecun_tanh, tail=True),
    "penalized_tanh": DeviceForm(int8=chains.penalized_tanh),
    "isru": DeviceForm(int8=chains.isru, last=("MUL",), tail=chains.isru_ends_in_a_factor),
    "elliott_sigmoid": DeviceForm(int8=chains.elliott_sigmoid, last=("MUL",)),
    "arctan": DeviceForm(stable.arctan, chains.arctan, last=("MUL",), tail=True),
    "sigmoid_algebraic": DeviceForm(
        int8=chains.sigmoid_algebraic, fits=chains.sigmoid_algebraic_fits, last=("MUL",)
    ),
    "sqnl": DeviceForm(int8=chains.sqnl, last=("MUL",)),
    "symlog": DeviceForm(int8=chains.symlog),
    "soft_clipping": DeviceForm(
        stable.soft_clipping, chains.soft_clipping, fits=chains.soft_clipping_fits, tail=True
    ),
    "laplace": DeviceForm(stable.laplace, chains.laplace, fits=chains.laplace_fits),
    "gompertz": DeviceForm(),
    "erf": DeviceForm(stable.erf, chains.erf),
    "gaussian": DeviceForm(),
    "sine": DeviceForm(),
    "snake": DeviceForm(last=("ADD",)),
    "gcu": DeviceForm(last=("MUL",)),
    "asu": DeviceForm(last=("MUL",)),
    "glu": DeviceForm(stable.glu, last=("SPLIT", "MUL")),
    "softmax": DeviceForm(stable.softmax, folds=False),
    "log_softmax": DeviceForm(stable.log_softmax, folds=False),
    "sparsemax": DeviceForm(folds=False),
    "softmin": DeviceForm(stable.softmin, folds=False),
    "softmax_one": DeviceForm(folds=False),
    "entmax15": DeviceForm(folds=False),
    "gumbel_softmax": DeviceForm(stable.gumbel_softmax, folds=False),
    "maxout": DeviceForm(stable.maxout, last=("SPLIT", "MAXIMUM")),
    "crelu": DeviceForm(stable.crelu, last=("CONCATENATION",)),
    "concat_elu": DeviceForm(stable.concat_elu, last=("CONCATENATION",)),
    "bipolar_relu": DeviceForm(stable.bipolar_relu, last=("STRIDED_SLICE", "PACK", "RESHAPE")),
    "maxmin": DeviceForm(
        stable.maxmin, chains.maxmin, last=("STRIDED_SLICE", "MAXIMUM", "PACK", "RESHAPE")
    ),
    "k_winners": DeviceForm(folds=False),
    "gtu": DeviceForm(stable.gtu, last=("SPLIT", "MUL")),
    "geglu": DeviceForm(stable.geglu, last=("SPLIT", "MUL")),
    "swiglu": DeviceForm(stable.swiglu, last=("SPLIT", "MUL")),
    "reglu": DeviceForm(stable.reglu, last=("SPLIT", "MUL")),
    "bilinear_glu": DeviceForm(stable.bilinear_glu, last=("SPLIT", "MUL")),
    # Their weights stay in the layer, which is kept.
    "dice": DeviceForm(folds=False),
    "evo_norm_b0": DeviceForm(folds=False),
    "funnel_relu": DeviceForm(folds=False),
    "dy_relu": DeviceForm(folds=False),
    "meta_acon": DeviceForm(folds=False),
}


def device_form(name: str) -> DeviceForm | None:
    """Return the device form of an activation, or None where there is none.

    A row from another package brings its own as target strings.

    Args:
        name: Canonical name of the activation.
    """
    if name in FORMS:
        return FORMS[name]
    row = activations.describe(name)
    if row.float_form is None and row.int8_form is None:
        return None
    return DeviceForm(
        float=resolve(row.float_form) if row.float_form else None,
        int8=resolve(row.int8_form) if row.int8_form else None,
    )
