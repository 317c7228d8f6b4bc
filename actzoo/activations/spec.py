"""What a row of the activation table holds, and which values its parameters take."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from actzoo import errors, spellings
from actzoo.activations.grammar import write

Kind = Literal["float", "int", "bool", "seed", "choice"]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One argument of an activation.

    Attributes:
        name: As written in a spec, and the name in the constructor of the layer.
        default: Value when it is not given.
        low: Smallest value; None for no limit.
        high: Largest value; None for no limit.
        kind: "float" (any finite number), "int", "bool", "seed" (a whole number >= 0, or None) or
            "choice".
        low_open: Whether `low` itself is excluded.
        choices: Words it takes, where `kind` is "choice".
        optional: None is a value, too, such as no limit.
        several: A list of values is one, too, such as several axes.
        summary: What it is, in a few words; says so when it is only a starting value.
    """

    name: str
    default: Any
    low: float | None = None
    high: float | None = None
    kind: Kind = "float"
    low_open: bool = False
    choices: tuple[str, ...] = ()
    summary: str = ""
    optional: bool = False
    several: bool = False

    @property
    def allowed(self) -> str:
        """What values it takes, in words."""
        if self.kind == "choice":
            return " or ".join(repr(choice) for choice in self.choices)
        if self.kind == "seed":
            return "a whole number >= 0, or None"
        if self.kind == "bool":
            return "True or False"
        noun = "a whole number" if self.kind == "int" else "a finite number"
        rest = ", or None" * self.optional + ", or a list of such" * self.several
        if None not in (self.low, self.high) and not self.low_open:
            return f"{noun} from {self.low:g} to {self.high:g}{rest}"
        low = "" if self.low is None else f"{'>' if self.low_open else '>='} {self.low:g}"
        high = "" if self.high is None else f"<= {self.high:g}"
        return " ".join([noun, " and ".join(filter(None, (low, high)))]).rstrip() + rest

    def check(self, value: Any, owner: str) -> Any:
        """Return the value in its plain type.

        Args:
            value: What the user gave.
            owner: Name of the activation, for the message.

        Raises:
            InvalidTypeError: The value is not a number.
            InvalidValueError: The number is not finite or out of range.
        """
        if value is None and (self.optional or self.kind == "seed"):
            return None
        if self.several and isinstance(value, list | tuple):
            return self._check_several(value, owner)
        if self.kind == "choice":
            if isinstance(value, str) and value in self.choices:
                return value
            wrong = errors.InvalidValueError if isinstance(value, str) else errors.InvalidTypeError
            raise self._refusal(value, owner, wrong)
        if self.kind == "bool":
            if isinstance(value, bool):
                return value
            raise self._refusal(value, owner, errors.InvalidTypeError)
        kind: Any = numbers.Real if self.kind == "float" else numbers.Integral
        if isinstance(value, bool) or not isinstance(value, kind):
            wrong_type = not isinstance(value, numbers.Real) or isinstance(value, bool)
            raise self._refusal(
                value, owner, errors.InvalidTypeError if wrong_type else errors.InvalidValueError
            )
        try:
            plain = float(value) if self.kind == "float" else int(value)
            fits = math.isfinite(plain)
        except OverflowError:  # a whole number of hundreds of digits
            fits = False
        if fits:
            low = self.low if self.kind != "seed" else 0
            if low is not None:
                fits = plain > low if self.low_open else plain >= low
            if self.high is not None:
                fits = fits and plain <= self.high
        if not fits:
            raise self._refusal(value, owner, errors.InvalidValueError)
        return plain

    def _check_several(self, values: Sequence[object], owner: str) -> object:
        one = dataclasses.replace(self, several=False)
        checked = tuple(one.check(value, owner) for value in values)
        if not checked or len(set(checked)) < len(checked):
            raise self._refusal(values, owner, errors.InvalidValueError)
        return checked[0] if len(checked) == 1 else checked

    def _refusal(
        self, value: object, owner: str, kind: type[errors.ActzooError]
    ) -> errors.ActzooError:
        return kind(
            f"{owner}: {self.name}={errors.shown(repr(value))} is not allowed.\n"
            f"{self.name} takes {self.allowed}; its default is {self.default!r}.",
            given=value,
            allowed=(self.allowed,),
            fix=f"{owner}({self.name}={self.default!r})",
        )


@spellings.accepts_old_arguments
@dataclasses.dataclass(frozen=True)
class ActivationSpec:
    """A row of the activation table. Only plain data, so that listing it costs nothing.

    The claims below (`monotone`, `bounded`, `limits` ...) hold for the default parameters and are
    tested by `actzoo.testing.activation_checks`, not believed.

    Attributes:
        name: Canonical name, in snake_case.
        target: `"module:attribute"` of what computes it: a function `f(x, **parameters)` written
            in `keras.ops`, or a Keras layer class whose constructor takes the parameters.
        aliases: Other names that lead here.
        summary: One sentence: what it is, when to reach for it.
        formula: In plain text.
        parameters: The arguments it takes.
        paper: Authors, year, identifier.
        function: Where `target` is a layer: the function behind it, if it has neither weights nor
            chance.
        reference: `"module:attribute"` of a NumPy function that computes the same in float64.
        learnable: It has weights that are trained.
        random: It draws random numbers while training.
        elementwise: Each output depends on one input only.
        gated: It multiplies one part of the channels into another.
        channel_mixing: It looks at several channels at once.
        spatial: It looks at neighboring places.
        statistics: It keeps or computes statistics of a batch or an image.
        channel_factor: Channels after it per channel before it; 1/2 for GLU.
        ranks: Numbers of axes its input may have, batch included; empty where it takes any.
        monotone: It never falls; None where the word does not apply.
        bounded: On which side its values are limited.
        smooth: Its derivative exists and is continuous.
        kinks: Places where f or its derivative jumps, each with the gradient that is chosen there;
            None where no float32 lies exactly there.
        zero_at_zero: f(0) = 0.
        homogeneous: f(c x) = c f(x) for c > 0, whatever is learned; scales may be moved across it.
        dead_region: Inputs for which the gradient is exactly 0 by definition, in words; at its
            ends, `kinks` says what is taken.
        limits: What comes out for -inf and for +inf: a number, `nan`, or a parameter's name with
            an optional sign. `nan` means that the limit exists but is computed as inf * 0; the
            notes then say the limit. Its gradient may be NaN at both ends.
        swallows_nan: NaN goes in and a number comes out.
        hidden: Whether it serves as a hidden activation.
        hidden_reason: Why not.
        recommended_init: Initializer for the weights before it; `gain` scales it.
        recommended_norm: Normalization that suits it: "batch", "layer", "none", or "own" where it
            normalizes by itself.
        lipschitz: Largest slope; infinite where there is none.
        gain: Scale of N(0, 1 / fan_in) weights that keeps the mean square of N(0, 1) inputs.
        gain_centered: The same for the variance, for weights that remove the common mean.
        float16_overflow: Smallest |x| whose value float16 cannot hold; infinite where it always
            can.
        keeps_variance: A plain net of 30 layers, started with `gain`, keeps the variance of its
            values within [0.3, 3].
        depth_notes: Why not, or what else becomes of a signal in a deep plain net.
        int8_table: In an int8 file it becomes one table of 256 values, or is fused into the layer
            before it, as long as its weights are the same for all channels; else a run of float
            operators.
        device: `"module:attribute"` of its `actzoo.lowering.DeviceForm`, how it is written for
            files that run on devices.
        float_form: The short form if nothing else is needed: `"module:function"` for float files.
        int8_form: The same for int8 files.
        ordered: Pairs of parameters of which the first may not be larger.
        notes: What else one should know, such as where peers differ.
    """

    name: str
    target: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    formula: str = ""
    parameters: tuple[Parameter, ...] = ()
    paper: str = ""
    function: str | None = None
    reference: str | None = None
    learnable: bool = False
    random: bool = False
    elementwise: bool = True
    gated: bool = False
    channel_mixing: bool = False
    spatial: bool = False
    statistics: bool = False
    channel_factor: float = 1.0
    ranks: tuple[int, ...] = ()
    monotone: bool | None = None
    bounded: Literal["none", "below", "above", "both"] | None = None
    smooth: bool | None = None
    zero_at_zero: bool | None = None
    homogeneous: bool = False
    dead_region: str | None = None
    limits: tuple[str, str] | None = None
    swallows_nan: bool = False
    hidden: bool = True
    hidden_reason: str = ""
    kinks: tuple[tuple[float, float | None], ...] = ()
    recommended_init: str = "he_normal"
    recommended_norm: str = "batch"
    lipschitz: float | None = None
    gain: float | None = None
    gain_centered: float | None = None
    float16_overflow: float | None = None
    keeps_variance: bool | None = None
    depth_notes: str = ""
    int8_table: bool | None = None
    device: str | None = None
    float_form: str | None = None
    int8_form: str | None = None
    ordered: tuple[tuple[str, str], ...] = ()
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuse fields of a wrong kind, which would fail later and far from here.

        Raises:
            InvalidValueError: A field is none of what it takes, or a default out of its range.
        """
        sides = ("none", "below", "above", "both")
        listed = self.parameters if isinstance(self.parameters, tuple) else ()
        own = {getattr(parameter, "name", None) for parameter in listed}
        for field, fits, allowed in (
            ("name", isinstance(self.name, str), "a text"),
            ("target", isinstance(self.target, str), "a text, 'module:attribute'"),
            ("aliases", _is_tuple_of(str, self.aliases), "a tuple of names, such as ('swish',)"),
            ("parameters", _is_tuple_of(Parameter, self.parameters), "a tuple of Parameter"),
            ("bounded", self.bounded in (None, *sides), f"None or one of {', '.join(sides)}"),
            (
                "limits",
                self.limits is None or (_is_tuple_of(str, self.limits) and len(self.limits) == 2),
                "None or two texts, for -inf and inf, such as ('0', 'inf')",
            ),
            (
                "ordered",
                _is_tuple_of(tuple, self.ordered)
                and all(_is_tuple_of(str, p) and len(p) == 2 for p in self.ordered)
                and {name for pair in self.ordered for name in pair} <= own,
                "pairs of its parameters' names, such as (('low', 'high'),)",
            ),
        ):
            if not fits:
                given = getattr(self, field)
                raise errors.InvalidValueError(
                    f"The activation {errors.shown(self.name)}: {field} is "
                    f"{errors.shown(repr(given))}.\nIt takes {allowed}.",
                    given=given,
                    allowed=(allowed,),
                )
        self.check(self.defaults)

    @property
    def defaults(self) -> dict[str, Any]:
        """Every parameter with its default."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @property
    def signature(self) -> str:
        """The name with its parameters and their defaults, as a spec."""
        return write(self.name, self.defaults)

    def check(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the given parameters, each in range and in its plain type.

        Raises:
            UnknownNameError: There is no such parameter.
            InvalidTypeError: A value is not a number.
            InvalidValueError: A value is out of range, or two are in the wrong order.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in params:
            if name not in known:
                raise self._unknown(name)
        checked = {name: known[name].check(value, self.name) for name, value in params.items()}
        full = {**self.defaults, **checked}
        for smaller, larger in self.ordered:
            if full[smaller] > full[larger]:
                raise errors.InvalidValueError(
                    f"{self.name}: {smaller}={full[smaller]!r} is larger than "
                    f"{larger}={full[larger]!r}.\nGive {smaller} <= {larger}, as in "
                    f"{self.signature}.",
                    given=dict(params),
                    fix=self.signature,
                )
        return checked

    def _unknown(self, given: object) -> errors.UnknownNameError:
        text = errors.shown(given)
        if not self.parameters:
            return errors.UnknownNameError(
                f"{self.name} has no parameter '{text}'; it takes none.\nWrite '{self.name}'.",
                given=given,
                fix=self.name,
            )
        listed = ", ".join(f"{p.name}={p.default!r} ({p.allowed})" for p in self.parameters)
        return errors.UnknownNameError(
            f"{self.name} has no parameter '{text}'.\nIts parameters: {listed}.\n"
            f"Write for example '{self.signature}'.",
            given=given,
            allowed=self.defaults,
            nearest=[p.name for p in self.parameters][:1],
            fix=self.signature,
        )


def _is_tuple_of(kind: type, value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, kind) for item in value)
