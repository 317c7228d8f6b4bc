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
from actzoo.lowering import chains, stable

Form = Callable[..., Any]  # (x, **params) -> tensor


@dataclasses.dataclass(frozen=True)
class DeviceForm:
    """How one activation is written for a device.

    Attributes:
        float: Stable form out of builtin operators, equal to Keras; None keeps the layer.
        int8: Chain that the runtime folds into one table; None takes the float form.
        supports: Whether that chain holds for some parameters; None for all.
        int8_operators: TFLite operators of the int8 form with two computed operands. They must be
            int8 too for the run before them to fold (the int8 input of a run may be used more than
            once, a float value inside of it may not).
        ends_in_scalar: The int8 form ends in scalar arithmetic, such as a factor or a change of
            sign. The converter may move it into the layer behind, which is fine; where several
            layers are behind, it would be moved into some only and leave a second run, so it is
            then held in place by one operator more. A function of the parameters where it depends
            on them.
        folds: Whether no float operator is left in the int8 form: it becomes tables and int8
            operators, or melts into the layer beside.
        several: It becomes several operators all the same, not one table.
        why: Why it does not fold.
    """

    float: Form | None = None
    int8: Form | None = None
    supports: Callable[..., bool] | None = None
    int8_operators: tuple[str, ...] = ()
    ends_in_scalar: bool | Callable[..., bool] = False
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
    "relu_n": DeviceForm(stable.relu_n, chains.relu_n, ends_in_scalar=True),
    "thresholded_relu": DeviceForm(stable.threshold, chains.threshold, ends_in_scalar=True),
    "threshold": DeviceForm(stable.threshold, chains.threshold, ends_in_scalar=True),
    "leaky_relu": DeviceForm(stable.leaky_relu),
    "prelu": DeviceForm(stable.prelu),
    "rrelu": DeviceForm(stable.rrelu),
    "elu": DeviceForm(stable.elu),
    "selu": DeviceForm(stable.selu),
    "celu": DeviceForm(stable.celu, ends_in_scalar=True),
    "gelu": DeviceForm(stable.gelu),
    "gelu_tanh": DeviceForm(stable.gelu_tanh),
    "silu": DeviceForm(stable.silu, int8_operators=("MUL",)),
    "hard_silu": DeviceForm(stable.hard_silu),
    "mish": DeviceForm(stable.mish, int8_operators=("MUL",)),
    "softplus": DeviceForm(stable.softplus, chains.softplus),
    "squareplus": DeviceForm(
        stable.squareplus, chains.squareplus, int8_operators=("ADD",), ends_in_scalar=True
    ),
    "softsign": DeviceForm(stable.softsign, chains.softsign, int8_operators=("MUL",)),
    "sigmoid": DeviceForm(stable.sigmoid),
    "hard_sigmoid": DeviceForm(stable.hard_sigmoid, ends_in_scalar=True),
    "log_sigmoid": DeviceForm(stable.log_sigmoid, chains.log_sigmoid),
    "tanh": DeviceForm(stable.tanh),
    "hard_tanh": DeviceForm(stable.hard_tanh),
    "tanh_shrink": DeviceForm(stable.tanh_shrink, int8_operators=("SUB",)),
    "soft_shrink": DeviceForm(stable.soft_shrink, chains.soft_shrink, ends_in_scalar=True),
    "hard_shrink": DeviceForm(stable.hard_shrink, chains.hard_shrink, int8_operators=("MUL",)),
    "sparse_plus": DeviceForm(stable.sparse_plus, chains.sparse_plus),
    "sparse_sigmoid": DeviceForm(stable.sparse_sigmoid, ends_in_scalar=True),
    "exponential": DeviceForm(stable.exponential),
    "plu": DeviceForm(int8=chains.plu, ends_in_scalar=True),
    "srelu": DeviceForm(int8=chains.srelu, supports=chains.srelu_supports, ends_in_scalar=True),
    "apl": DeviceForm(int8=chains.apl, supports=chains.apl_supports, ends_in_scalar=True),
    "pact": DeviceForm(int8=chains.pact),
    "flexible_relu": DeviceForm(int8=chains.flexible_relu, ends_in_scalar=True),
    "tlu": DeviceForm(int8=chains.tlu),
    "tlu_affine": DeviceForm(
        int8=chains.tlu_affine, supports=chains.tlu_affine_supports, ends_in_scalar=True
    ),
    "relu_squared": DeviceForm(),
    "star_relu": DeviceForm(int8=chains.star_relu, ends_in_scalar=True),
    "poly_relu": DeviceForm(
        int8=chains.poly_relu, supports=chains.poly_relu_supports, ends_in_scalar=True
    ),
    "relu_absolute": DeviceForm(),
    "nlrelu": DeviceForm(),
    "sine_relu": DeviceForm(int8=chains.sine_relu, supports=chains.sine_relu_supports),
    "elu_plus_one": DeviceForm(int8=chains.elu_plus_one, ends_in_scalar=True),
    "elish": DeviceForm(int8=chains.elish, int8_operators=("MUL",)),
    "hard_elish": DeviceForm(int8=chains.hard_elish, int8_operators=("MUL",)),
    "symexp": DeviceForm(int8=chains.symexp, int8_operators=("MUL",)),
    "pelu": DeviceForm(int8=chains.pelu, ends_in_scalar=True),
    "mpelu": DeviceForm(int8=chains.mpelu, supports=chains.mpelu_supports, ends_in_scalar=True),
    "soft_exponential": DeviceForm(
        int8=chains.soft_exponential, supports=chains.soft_exponential_supports, ends_in_scalar=True
    ),
    "xielu": DeviceForm(int8=chains.xielu, supports=chains.xielu_supports, int8_operators=("MUL",)),
    "smelu": DeviceForm(int8=chains.smelu),
    "quick_gelu": DeviceForm(int8_operators=("MUL",)),
    "gelu_linear": DeviceForm(int8=chains.gelu_linear, ends_in_scalar=True),
    "gelu_clipped": DeviceForm(int8=chains.gelu_clipped),
    "e_swish": DeviceForm(int8=chains.e_swish, int8_operators=("MUL",)),
    "flatten_t_swish": DeviceForm(
        int8=chains.flatten_t_swish, int8_operators=("MUL",), ends_in_scalar=True
    ),
    "hard_mish": DeviceForm(int8=chains.hard_mish, int8_operators=("MUL",)),
    "tanh_exp": DeviceForm(int8_operators=("MUL",)),
    "serf": DeviceForm(stable.serf, chains.serf, int8_operators=("MUL",)),
    "phish": DeviceForm(int8_operators=("MUL",)),
    "logish": DeviceForm(int8_operators=("MUL",)),
    "smish": DeviceForm(int8_operators=("MUL",)),
    "gish": DeviceForm(int8_operators=("MUL",)),
    "loglogish": DeviceForm(int8_operators=("MUL",)),
    "golu": DeviceForm(int8_operators=("MUL",)),
    "lisht": DeviceForm(int8_operators=("MUL",)),
    "colu": DeviceForm(int8=chains.colu, int8_operators=("MUL",)),
    "suish": DeviceForm(int8=chains.suish, int8_operators=("MUL",)),
    "isrlu": DeviceForm(int8_operators=("MUL",)),
    "med_relu": DeviceForm(int8=chains.med_relu, int8_operators=("MUL",)),
    "atlu": DeviceForm(stable.atlu, chains.atlu),
    "sqrt_softplus": DeviceForm(stable.sqrt_softplus, chains.sqrt_softplus),
    "logcosh": DeviceForm(stable.logcosh, chains.logcosh, ends_in_scalar=True),
    "bent_identity": DeviceForm(
        int8=functools.partial(chains.blu, beta=0.5), int8_operators=("ADD",)
    ),
    "seagull": DeviceForm(int8=chains.seagull),
    "swoosh_l": DeviceForm(
        stable.swoosh_l, chains.swoosh_l, int8_operators=("SUB",), ends_in_scalar=True
    ),
    "swoosh_r": DeviceForm(
        stable.swoosh_r, chains.swoosh_r, int8_operators=("SUB",), ends_in_scalar=True
    ),
    "trainable_swish": DeviceForm(int8=chains.gated_sigmoid, int8_operators=("MUL",)),
    "sinlu": DeviceForm(int8=chains.sinlu, int8_operators=("LOGISTIC", "ADD", "MUL"), several=True),
    "aria2": DeviceForm(stable.aria2, chains.aria2, int8_operators=("MUL",)),
    "acon_b": DeviceForm(int8=chains.acon_b, int8_operators=("MUL",)),
    "acon_c": DeviceForm(int8=chains.acon, int8_operators=("MUL",)),
    "smu": DeviceForm(
        stable.smu,
        chains.smu,
        supports=chains.smu_supports,
        int8_operators=("ADD",),
        ends_in_scalar=True,
    ),
    "smu1": DeviceForm(int8=chains.smu1, int8_operators=("ADD",), ends_in_scalar=True),
    "pau": DeviceForm(folds=False, why="is a rational function, which no one chain gives"),
    "blu": DeviceForm(int8=chains.blu, int8_operators=("ADD",)),
    "xatlu": DeviceForm(stable.xatlu, chains.atlu, supports=chains.xatlu_supports),
    "dyt": DeviceForm(int8=chains.dyt, ends_in_scalar=True),
    "arelu": DeviceForm(int8=chains.arelu, ends_in_scalar=True),
    "prob_act": DeviceForm(chains.prob_act),
    "hard_sigmoid_keras2": DeviceForm(int8=chains.hard_sigmoid_keras2, ends_in_scalar=True),
    "lecun_tanh": DeviceForm(chains.lecun_tanh, ends_in_scalar=True),
    "penalized_tanh": DeviceForm(int8=chains.penalized_tanh),
    "isru": DeviceForm(
        int8=chains.isru, int8_operators=("MUL",), ends_in_scalar=chains.isru_ends_in_a_factor
    ),
    "elliott_sigmoid": DeviceForm(int8=chains.elliott_sigmoid, int8_operators=("MUL",)),
    "arctan": DeviceForm(
        stable.arctan, chains.arctan, int8_operators=("MUL",), ends_in_scalar=True
    ),
    "sigmoid_algebraic": DeviceForm(
        int8=chains.sigmoid_algebraic,
        supports=chains.sigmoid_algebraic_supports,
        int8_operators=("MUL",),
    ),
    "sqnl": DeviceForm(int8=chains.sqnl, int8_operators=("MUL",)),
    "symlog": DeviceForm(int8=chains.symlog),
    "soft_clipping": DeviceForm(
        stable.soft_clipping,
        chains.soft_clipping,
        supports=chains.soft_clipping_supports,
        ends_in_scalar=True,
    ),
    "laplace": DeviceForm(stable.laplace, chains.laplace, supports=chains.laplace_supports),
    "gompertz": DeviceForm(),
    "erf": DeviceForm(stable.erf, chains.erf),
    "gaussian": DeviceForm(),
    "sine": DeviceForm(),
    "snake": DeviceForm(int8_operators=("ADD",)),
    "gcu": DeviceForm(int8_operators=("MUL",)),
    "asu": DeviceForm(int8_operators=("MUL",)),
    "glu": DeviceForm(stable.glu, int8_operators=("SPLIT", "MUL")),
    "softmax": DeviceForm(stable.softmax, folds=False),
    "log_softmax": DeviceForm(stable.log_softmax, folds=False),
    "sparsemax": DeviceForm(folds=False),
    "softmin": DeviceForm(stable.softmin, folds=False),
    "softmax_one": DeviceForm(folds=False),
    "entmax15": DeviceForm(folds=False),
    "gumbel_softmax": DeviceForm(stable.gumbel_softmax, folds=False),
    "maxout": DeviceForm(stable.maxout, int8_operators=("SPLIT", "MAXIMUM")),
    "crelu": DeviceForm(stable.crelu, int8_operators=("CONCATENATION",)),
    "concat_elu": DeviceForm(stable.concat_elu, int8_operators=("CONCATENATION",)),
    "bipolar_relu": DeviceForm(
        stable.bipolar_relu, int8_operators=("STRIDED_SLICE", "PACK", "RESHAPE")
    ),
    "maxmin": DeviceForm(
        stable.maxmin, chains.maxmin, int8_operators=("STRIDED_SLICE", "MAXIMUM", "PACK", "RESHAPE")
    ),
    "k_winners": DeviceForm(folds=False),
    "gtu": DeviceForm(stable.gtu, int8_operators=("SPLIT", "MUL")),
    "geglu": DeviceForm(stable.geglu, int8_operators=("SPLIT", "MUL")),
    "swiglu": DeviceForm(stable.swiglu, int8_operators=("SPLIT", "MUL")),
    "reglu": DeviceForm(stable.reglu, int8_operators=("SPLIT", "MUL")),
    "bilinear_glu": DeviceForm(stable.bilinear_glu, int8_operators=("SPLIT", "MUL")),
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
