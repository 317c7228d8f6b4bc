"""What the activations of a model do on real inputs, and what that means, in plain words.

Statistics are taken at every activation site: how often the output is zero, which units never
move, how often the derivative vanishes, and how much of the loss's gradient arrives. Rules turn
them into findings, each with a reason and a suggestion.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from actzoo import activations, errors, models
from actzoo.findings import Finding

FLAT = 0.01  # a derivative below this passes hardly any gradient on
QUANTILE = 99.9  # per cent of values that an int8 range should be made for
MAX_HELD = 100_000_000  # values of all sites at once
MAX_VALUES = 200_000  # of a site kept for quantiles


@dataclasses.dataclass(frozen=True)
class Site:
    """One activation of a model and what it did.

    Attributes:
        path: Name of the layer.
        activation: Its spec.
        role: "hidden", "gate" or "output".
        units: Output channels.
        zero_fraction: Share of outputs that are exactly zero.
        dead_units: Units whose output never moved over all inputs.
        saturated_fraction: Share of inputs at which the derivative is below 0.01 in size; None
            for activations over several channels.
        gradient_norm: L2 norm of the mean loss's gradient with respect to a shift of each unit's
            output; None without targets.
        input_range: Lowest and highest input met.
        outlier_ratio: Largest input in size over its 99.9th percentile; a large one costs int8
            accuracy.
    """

    path: str
    activation: str
    role: str
    units: int
    zero_fraction: float
    dead_units: int
    saturated_fraction: float | None
    gradient_norm: float | None
    input_range: tuple[float, float]
    outlier_ratio: float


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """All sites of a model, and the findings.

    Attributes:
        sites: In the order of the graph.
        findings: The weightiest first.
        num_inputs: Inputs the statistics rest on.
    """

    sites: tuple[Site, ...]
    findings: tuple[Finding, ...]
    num_inputs: int
    format: int = 1


def diagnose(
    model: keras.Model,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    targets: np.ndarray | None = None,
    *,
    loss: keras.losses.Loss | None = None,
) -> Diagnosis:
    """Run inputs through a functional model and look at every activation.

    Args:
        model: Any functional Keras model.
        inputs: `(n, ...)` as the model takes them, or a mapping by input name. 64 to 256 tell
            enough.
        targets: What `loss` compares with; gradients are measured when both are given.
        loss: Training loss on the model's outputs.

    Returns:
        Sites and findings. A model without activation layers has no sites, and a finding says so.

    Raises:
        InvalidTypeError: The model is not functional.
    """
    if not models.is_functional(model):
        raise errors.InvalidTypeError(
            f"{type(model).__name__} is not a functional model, so what flows between its layers "
            "cannot be looked at.\nBuild it with keras.Model(inputs, outputs).",
            given=type(model).__name__,
        )
    layers = [layer for layer in model.layers if activations.identify(layer) is not None]
    named = isinstance(inputs, Mapping)
    count = len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)
    if not layers:
        return Diagnosis((), (_no_sites(model),), count)
    probe = keras.Model(
        {tensor.name: tensor for tensor in model.inputs} if named else model.input,
        [[layer.input, layer.output] for layer in layers],
    )
    seen = [_Statistics(layer) for layer in layers]
    batch_size = _fitting_batch(layers, inputs)
    for start in range(0, count, batch_size):
        batch = _slice(inputs, start, start + batch_size)
        flows = iter(keras.tree.flatten(probe.predict_on_batch(batch)))
        for statistics, before, after in zip(seen, flows, flows, strict=True):
            statistics.add(np.asarray(before, "float32"), np.asarray(after, "float32"))
    norms: Mapping[str, float] = {}
    if targets is not None and loss is not None:
        norms = _gradient_norms(
            keras.Model(probe.input, model.output),
            layers,
            _slice(inputs, 0, batch_size),
            targets[:batch_size],
            loss,
        )
    sites = tuple(
        statistics.site(_role(model, statistics.layer), norms.get(statistics.layer.name))
        for statistics in seen
    )
    findings = tuple(finding for rule in RULES for finding in rule(sites))
    return Diagnosis(sites, findings, count)


def _slice(inputs: Any, start: int, stop: int) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _numbers(value[start:stop]) for name, value in inputs.items()}
    return _numbers(inputs[start:stop])


def _numbers(values: Any) -> np.ndarray:
    """Return bytes and floats as float32, other whole numbers (such as token ids) as they are."""
    array = np.asarray(values)
    whole = array.dtype.kind in "iu" and array.dtype != np.uint8
    return array if whole else array.astype("float32")


def _fitting_batch(layers: list[keras.layers.Layer], inputs: Any) -> int:
    """Return how many inputs can be looked at at once: what the sites see is held in memory."""
    shapes = [next(iter(inputs.values())).shape] if isinstance(inputs, Mapping) else [inputs.shape]
    length = shapes[0][1] if len(shapes[0]) > 1 else 1
    each = sum(
        math.prod(length if size is None else size for size in tensor.shape[1:])
        for layer in layers
        for tensor in (layer.input, layer.output)
    )
    return max(1, min(32, MAX_HELD // max(1, each)))


def _role(model: keras.Model, layer: keras.layers.Layer) -> str:
    if any(output is layer.output for output in model.outputs):
        return "output"
    return "gate" if layer.name.endswith("_gate") else "hidden"


class _Statistics:
    """Running statistics of one site."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        self.layer = layer
        identified = activations.identify(layer)
        self._name, self._params = identified if identified else ("?", {})
        self._count = self._zeros = 0
        self._flat = 0.0
        self._low = self._high = np.zeros(0)
        self._range = [math.inf, -math.inf]
        self._sizes: list[np.ndarray] = []

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        channels = after.reshape(-1, after.shape[-1])
        low, high = channels.min(axis=0), channels.max(axis=0)
        self._low = np.minimum(self._low, low) if self._count else low
        self._high = np.maximum(self._high, high) if self._count else high
        self._count += after.size
        self._zeros += int((after == 0).sum())
        self._range = [
            min(self._range[0], float(before.min())),
            max(self._range[1], float(before.max())),
        ]
        sample = before.reshape(-1)[:: max(1, before.size // 20_000)]
        if sum(map(len, self._sizes)) < MAX_VALUES:
            self._sizes.append(np.abs(sample))
        if self._is_elementwise():
            self._flat += self._share_flat(before) * after.size

    def _is_elementwise(self) -> bool:
        return self._name != "?" and bool(activations.describe(self._name).elementwise)

    def _share_flat(self, before: np.ndarray, step: float = 1e-2) -> float:
        """Return the share of inputs with a derivative near 0, by a central difference."""
        part = before[: max(1, 40_000 // max(1, before[0].size))]
        up = ops.convert_to_numpy(self.layer(part + step))
        down = ops.convert_to_numpy(self.layer(part - step))
        return float((np.abs(up - down) < FLAT * 2 * step).mean())

    def site(self, role: str, gradient_norm: float | None) -> Site:
        sizes = np.concatenate(self._sizes)
        usual = float(np.percentile(sizes, QUANTILE))
        largest = max(abs(self._range[0]), abs(self._range[1]))
        return Site(
            path=self.layer.name,
            activation=activations.format(self._name, self._params),
            role=role,
            units=len(self._low),
            zero_fraction=self._zeros / self._count,
            dead_units=int((self._low == self._high).sum()),
            saturated_fraction=self._flat / self._count if self._is_elementwise() else None,
            gradient_norm=gradient_norm,
            input_range=(self._range[0], self._range[1]),
            outlier_ratio=largest / usual if usual > 0 else 1.0,
        )


# --- gradients, on any backend -----------------------------------------------------------------


class _Shift(keras.layers.Layer):
    """Adds a zero per channel that a training step turns into its negative gradient."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.shift = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", name="shift", dtype="float32"
        )

    def call(self, x: Any) -> Any:
        return x + ops.cast(self.shift, x.dtype)


def _gradient_norms(
    model: keras.Model,
    layers: list[keras.layers.Layer],
    inputs: Any,
    targets: np.ndarray,
    loss: keras.losses.Loss,
) -> dict[str, float]:
    """Return the gradient's norm at each site.

    Keras has no gradient call that works on every backend. A step of plain SGD at rate 1 on
    weights that are 0 leaves minus the gradient in them, and that it does have.
    """
    names = {layer.name for layer in layers}
    shifts: dict[str, _Shift] = {}

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        if layer.name in names:
            shifts[layer.name] = _Shift(name=f"{layer.name}_shift")
            output = shifts[layer.name](output)
        return output

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Dropout):
            return keras.layers.Identity(name=layer.name)
        twin = layer.__class__.from_config(layer.get_config())
        twin.trainable = False
        return twin

    twin = keras.models.clone_model(model, clone_function=copy, call_function=call)
    originals = {layer.name: layer for layer in model.layers}
    for layer in twin.layers:
        if layer.name in originals and layer.weights:
            layer.set_weights(originals[layer.name].get_weights())
    twin.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss, jit_compile=False)
    twin.train_on_batch(inputs, targets)
    return {
        name: float(np.linalg.norm(ops.convert_to_numpy(layer.shift)))
        for name, layer in shifts.items()
    }


# --- rules -------------------------------------------------------------------------------------


def _no_sites(model: keras.Model) -> Finding:
    return Finding(
        "no_activation_layers",
        "model",
        f"{model.name} has no activation layers of its own that could be looked at.",
        "Activations fused into other layers, as Conv2D(activation=...), show no input.",
        "Write each activation as a layer of its own, as actzoo's models do.",
    )


def _dead_units(sites: tuple[Site, ...]) -> list[Finding]:
    return [
        Finding(
            "dead_units",
            site.path,
            f"{site.dead_units} of {site.units} units of {site.path} ({site.activation}) gave the "
            "same value for every input.",
            "Such a unit takes part in nothing and gets no gradient: it will not come back.",
            "Try leaky_relu, gelu or silu, a lower learning rate, or a longer warm-up.",
        )
        for site in sites
        if site.role == "hidden" and site.dead_units > max(1, 0.1 * site.units)
    ]


def _saturated(sites: tuple[Site, ...]) -> list[Finding]:
    return [
        Finding(
            "saturated",
            site.path,
            f"{site.saturated_fraction:.0%} of the inputs of {site.path} ({site.activation}) lie "
            "where its derivative is almost zero.",
            "Little gradient passes such a site; layers before it learn slowly.",
            "Normalize before the activation, or take one that does not saturate on both sides.",
        )
        for site in sites
        if site.role == "hidden"
        and site.saturated_fraction is not None
        and site.saturated_fraction > 0.9
    ]


def _gradient_flow(sites: tuple[Site, ...]) -> list[Finding]:
    norms = [
        (s.path, s.gradient_norm)
        for s in sites
        if s.role == "hidden" and s.gradient_norm is not None
    ]
    if len(norms) < 3:
        return []
    (first, early), (last, late) = norms[0], norms[-1]
    if not math.isfinite(early) or not math.isfinite(late):
        return [
            Finding(
                "gradient_not_finite",
                first,
                f"The gradient is not a finite number: {late:.2g} at {last}, {early:.2g} at "
                f"{first}.",
                "One such step turns all weights into NaN.",
                "Lower the learning rate, or use an activation that does not overflow.",
            )
        ]
    if 1e-3 * late < early < 1e3 * late:
        return []
    kind = "vanishes" if early <= late else "grows"
    return [
        Finding(
            f"gradient_{kind}",
            first,
            f"The gradient {kind} on its way back: {late:.2g} at {last}, {early:.2g} at {first}.",
            "Early layers then learn far slower, or far wilder, than late ones.",
            "Use normalization, residual connections, or the initializer recommended for the "
            "activation (`actzoo describe`).",
        )
    ]


def _outliers(sites: tuple[Site, ...]) -> list[Finding]:
    worst = [site for site in sites if site.outlier_ratio > 20]
    if not worst:
        return []
    site = max(worst, key=lambda s: s.outlier_ratio)
    return [
        Finding(
            "outliers",
            site.path,
            f"The largest input of {site.path} is {site.outlier_ratio:.0f} times its "
            f"{QUANTILE}th percentile"
            + (f"; {len(worst) - 1} more sites are like it." if len(worst) > 1 else "."),
            "An int8 range made for the outlier leaves few steps for all other values.",
            "Use a bounded activation (relu6, hard_silu), weight decay, or the dynamic format.",
        )
    ]


RULES: tuple[Callable[[tuple[Site, ...]], list[Finding]], ...] = (
    _dead_units,
    _saturated,
    _gradient_flow,
    _outliers,
)
