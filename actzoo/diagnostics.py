"""What the activations of a model do on real inputs, and what that means, in plain words.

Statistics are taken at every activation site: how often the output is zero, which units never
move, how often the derivative vanishes, and how much of the loss's gradient arrives. Rules turn
them into findings, each with a reason and a suggestion.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from keras import ops

from actzoo import activations, errors, graphs, sites
from actzoo.findings import Finding
from actzoo.graphs import Call, Graph
from actzoo.sites import Role, Site

FLAT = 0.01  # a derivative below this passes hardly any gradient on
QUANTILE = 99.9  # per cent of values that an int8 range should be made for
MAX_HELD = 100_000_000  # values of all sites at once
MAX_VALUES = 200_000  # of a site kept for quantiles


@dataclasses.dataclass(frozen=True)
class SiteReport:
    """One activation of a model and what it did.

    Attributes:
        path: Name of the layer, those of the nested models around it before it.
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
    role: Role
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

    sites: tuple[SiteReport, ...]
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
        Sites and findings. A model without activations has no sites, and a finding says so; those
        inside attention and recurrent layers cannot be seen from outside and are left out.

    Raises:
        InvalidTypeError: The model is not functional.
    """
    if not graphs.is_functional(model):
        raise errors.InvalidTypeError(
            f"{type(model).__name__} is not a functional model, so the values between its layers "
            "cannot be examined.\nBuild it with keras.Model(inputs, outputs).",
            given=type(model).__name__,
        )
    graph = Graph(model)
    seen = [_Statistics(site) for site in sites.find_in(graph) if site.is_observable]
    arrays = _arrays(model, inputs)
    count = len(arrays[0])
    if not seen:
        return Diagnosis((), (_no_sites(model),), count)
    observe = _observer(graph, [statistics.site for statistics in seen])
    batch_size = _fitting_batch([statistics.site for statistics in seen], arrays[0])
    for start in range(0, count, batch_size):
        flows = observe(_batch(arrays, start, start + batch_size))
        for statistics, (before, after) in zip(seen, flows, strict=True):
            statistics.add(before.astype("float32"), after.astype("float32"))
    norms: Mapping[str, float] = {}
    if targets is not None and loss is not None:
        twin, shifts = _with_shifts(model, graph, [statistics.site for statistics in seen])
        first = _batch(arrays, 0, batch_size)
        norms = _gradient_norms(twin, shifts, first, targets[:batch_size], loss)
    reports = tuple(statistics.report(norms.get(statistics.site.path)) for statistics in seen)
    findings = tuple(finding for rule in RULES for finding in rule(reports))
    return Diagnosis(reports, findings, count)


def _arrays(model: keras.Model, inputs: np.ndarray | Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the inputs in the order of the model's."""
    if isinstance(inputs, Mapping):
        return [np.asarray(inputs[tensor.name]) for tensor in model.inputs]
    return [np.asarray(inputs)]


def _batch(arrays: Sequence[np.ndarray], start: int, stop: int) -> graphs.Inputs:
    """Return a part of each input; bytes and floats as float32, token ids as they are."""
    parts = [
        part if part.dtype.kind in "iu" and part.dtype != np.uint8 else part.astype("float32")
        for part in (array[start:stop] for array in arrays)
    ]
    return parts[0] if len(parts) == 1 else parts


def _fitting_batch(seen: Sequence[Site], inputs: np.ndarray) -> int:
    """Return how many inputs can be looked at at once: what the sites see is held in memory."""
    length = inputs.shape[1] if inputs.ndim > 1 else 1
    each = sum(
        math.prod(length if size is None else size for size in tensor.shape[1:])
        for site in seen
        for tensor in (site.call.node.input_tensors[0], site.call.node.outputs[0])
    )
    return max(1, min(32, MAX_HELD // max(1, each)))


Flow = tuple[np.ndarray, np.ndarray]  # what goes into a site, and what comes out


def _observer(graph: Graph, seen: Sequence[Site]) -> Callable[[graphs.Inputs], list[Flow]]:
    """Return a function from the model's inputs to what flows through each site."""
    if any(site.is_fused for site in seen):
        return lambda inputs: _observed_one_by_one(graph, seen, inputs)
    values = [v for site in seen for v in (site.call.inputs[0], site.call.outputs[0])]
    observe = graph.observer(values)

    def flows(inputs: graphs.Inputs) -> list[Flow]:
        each = iter(observe(inputs))
        return list(zip(each, each, strict=True))

    return flows


def _observed_one_by_one(graph: Graph, seen: Sequence[Site], inputs: graphs.Inputs) -> list[Flow]:
    """Run a model layer by layer; a fused one twice, the first time without its activation."""
    flows: dict[int, Flow] = {}
    wanted = {id(site.call): site for site in seen}

    def apply(
        call: Call, args: tuple[sites.Tensor, ...], named: dict[str, sites.Tensor]
    ) -> sites.Tensor:
        site, before = wanted.get(id(call)), args[0] if args else None
        if site is not None and site.is_fused:
            with sites.without_activation(call.operation):
                before = call.operation(*args, **named)
        after = call.operation(*args, **named)
        if site is not None:
            numbers = ops.convert_to_numpy
            flows[id(call)] = numbers(before), numbers(keras.tree.flatten(after)[0])
        return after

    graph.run(graph.as_tensors(inputs), apply)
    return [flows[id(site.call)] for site in seen]


class _Statistics:
    """Running statistics of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._is_elementwise = bool(activations.describe(site.activation.name).elementwise)
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
        if self._is_elementwise:
            self._flat += self._share_flat(before) * after.size

    def _share_flat(self, before: np.ndarray, step: float = 1e-2) -> float:
        """Return the share of inputs with a derivative near 0, by a central difference."""
        part = before[: max(1, 40_000 // max(1, before[0].size))]
        up, down = (
            ops.convert_to_numpy(self.site.function(ops.convert_to_tensor(moved)))
            for moved in (part + step, part - step)
        )
        return float((np.abs(up - down) < FLAT * 2 * step).mean())

    def report(self, gradient_norm: float | None) -> SiteReport:
        """Return what was seen so far."""
        sizes = np.concatenate(self._sizes)
        usual = float(np.percentile(sizes, QUANTILE))
        largest = max(abs(self._range[0]), abs(self._range[1]))
        return SiteReport(
            path=self.site.path,
            activation=self.site.spec,
            role=self.site.role,
            units=len(self._low),
            zero_fraction=self._zeros / self._count,
            dead_units=int((self._low == self._high).sum()),
            saturated_fraction=self._flat / self._count if self._is_elementwise else None,
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

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + ops.cast(self.shift, x.dtype)


def _with_shifts(
    model: keras.Model, graph: Graph, seen: Sequence[Site]
) -> tuple[keras.Model | None, dict[str, _Shift]]:
    """Return a copy of a model in which only a shift after each site learns, and the shifts.

    The copy is None where a layer does not come back from its config.
    """
    wanted = {id(site.call): site.path for site in seen}
    copies: dict[int, graphs.Operation] = {}
    shifts: dict[str, _Shift] = {}

    def apply(
        call: Call, args: tuple[sites.Tensor, ...], named: dict[str, sites.Tensor]
    ) -> sites.Tensor:
        if id(call.operation) not in copies:
            copies[id(call.operation)] = _frozen_copy(call)
        outputs = copies[id(call.operation)](*args, **named)
        if id(call) in wanted:
            path = wanted[id(call)]
            shifts[path] = _Shift(name=f"{_name_of(path)}_shift")
            outputs = shifts[path](outputs)
        return outputs

    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    ]
    try:
        values = graph.run(inputs, apply)
    except (TypeError, ValueError, NotImplementedError):
        return None, {}
    outputs = [values[value] for value in graph.outputs]
    for call in graph.calls:
        copy = copies[id(call.operation)]
        if isinstance(copy, keras.layers.Layer) and copy.weights:
            graphs.copy_weights(call.operation, copy)
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs), shifts


def _name_of(path: str) -> str:
    """Return a layer name, which Keras wants without slashes."""
    return path.replace("/", "__").replace("#", "__")


def _frozen_copy(call: Call) -> graphs.Operation:
    if isinstance(call.operation, keras.layers.Dropout):
        return keras.layers.Identity(name=_name_of(call.path))
    config = {**call.operation.get_config(), "name": _name_of(call.path)}
    copy = type(call.operation).from_config(config)
    if isinstance(copy, keras.layers.Layer):
        copy.trainable = False
    return copy


def _gradient_norms(
    twin: keras.Model | None,
    shifts: Mapping[str, _Shift],
    inputs: graphs.Inputs,
    targets: np.ndarray,
    loss: keras.losses.Loss,
) -> dict[str, float]:
    """Return the gradient's norm at each site.

    Keras has no gradient call that works on every backend. A step of plain SGD at rate 1 on
    weights that are 0 leaves minus the gradient in them, and that it does have.
    """
    if twin is None:
        return {}
    twin.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss, jit_compile=False)
    twin.train_on_batch(inputs, targets)
    return {
        path: float(np.linalg.norm(ops.convert_to_numpy(layer.shift)))
        for path, layer in shifts.items()
    }


# --- rules -------------------------------------------------------------------------------------


def _no_sites(model: keras.Model) -> Finding:
    return Finding(
        "no_activation_layers",
        "model",
        f"{model.name} has no activation that can be examined.",
        "Inside an attention or recurrent layer, or a layer of your own, it shows no input.",
        "Write each activation as a layer of its own, as actzoo's models do.",
    )


def _dead_units(reports: tuple[SiteReport, ...]) -> list[Finding]:
    return [
        Finding(
            "dead_units",
            site.path,
            f"{site.dead_units} of {site.units} units of {site.path} ({site.activation}) gave the "
            "same value for every input.",
            "Such a unit contributes nothing and gets no gradient: it will not recover.",
            "Try leaky_relu, gelu or silu, a lower learning rate, or a longer warm-up.",
        )
        for site in reports
        if site.role == "hidden" and site.dead_units > max(1, 0.1 * site.units)
    ]


def _saturated(reports: tuple[SiteReport, ...]) -> list[Finding]:
    return [
        Finding(
            "saturated",
            site.path,
            f"{site.saturated_fraction:.0%} of the inputs of {site.path} ({site.activation}) lie "
            "where its derivative is almost zero.",
            "Little gradient passes such a site; layers before it learn slowly.",
            "Normalize before the activation, or take one that does not saturate on both sides.",
        )
        for site in reports
        if site.role == "hidden"
        and site.saturated_fraction is not None
        and site.saturated_fraction > 0.9
    ]


def _gradient_flow(reports: tuple[SiteReport, ...]) -> list[Finding]:
    norms = [
        (s.path, s.gradient_norm)
        for s in reports
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
            "Early layers then learn far more slowly, or far less stably, than late ones.",
            "Use normalization, residual connections, or the initializer recommended for the "
            "activation (`actzoo describe`).",
        )
    ]


def _outliers(reports: tuple[SiteReport, ...]) -> list[Finding]:
    worst = [site for site in reports if site.outlier_ratio > 20]
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


RULES: tuple[Callable[[tuple[SiteReport, ...]], list[Finding]], ...] = (
    _dead_units,
    _saturated,
    _gradient_flow,
    _outliers,
)
