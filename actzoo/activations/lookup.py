"""Finding activations by name, and reading and checking grammar. Needs no Keras."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from actzoo import errors
from actzoo._lazy import resolve
from actzoo.activations import grammar, peer_arguments
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.peers import AMBIGUOUS, OTHERWISE_CALLED, PEERS
from actzoo.activations.spec import ActivationSpec
from actzoo.registry import check_pattern

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def names(pattern: str = "*", **tags: object) -> tuple[str, ...]:
    """Return the names of the activations that match.

    Args:
        pattern: Wildcards `*` and `?`; an alias that matches counts for its activation.
        **tags: Fields of `ActivationSpec` and the value each must have, such as `learnable=True`.

    Returns:
        Canonical names, in the table's order.

    Raises:
        InvalidTypeError: The pattern is not a text.
        UnknownNameError: There is no such field.

    Example:
        >>> names("*softmax")
        ('softmax', 'log_softmax', 'softmax_one', 'gumbel_softmax')
    """
    return ACTIVATIONS.names(pattern, **tags)


def describe(spec: object) -> ActivationSpec:
    """Return the row that a spec leads to, whatever its arguments.

    Raises:
        ActzooError: As of `parse`.
    """
    return ACTIVATIONS.get(parse(spec)[0])


def find(name: str) -> tuple[ActivationSpec, dict[str, Any]]:
    """Return the row that a name stands for, and the arguments a peer means by it.

    A bare name has our defaults, whoever else uses it. Names and aliases of the table come
    first, then the same in other case or with other underscores and hyphens, then the spellings
    of all peers, folded alike.

    Args:
        name: `"leaky_relu"`, `"LeakyReLU"`, or with the peer: `"torch:LeakyReLU"`.

    Returns:
        The row, and arguments that differ from its defaults or are worth saying.

    Raises:
        UnknownNameError: There is no such name, peer, or name of that peer.
        InvalidValueError: A bare name means several activations.

    Example:
        >>> find("keras:LeakyReLU")[1]
        {'negative_slope': 0.3}
    """
    if isinstance(name, str) and name not in ACTIVATIONS:
        if ":" in name:
            return _find_of_peer(name)
        meanings = _meanings(name)
        if len(meanings) > 1:
            raise _ambiguous(name, meanings)
        name = next(iter(meanings), name)
    return ACTIVATIONS.get(name), {}


def peer_names(pattern: str = "*") -> dict[str, str]:
    """Return the names that other packages use, each with the spec it stands for.

    Args:
        pattern: Wildcards `*` and `?`, over `"peer:name"`.

    Raises:
        InvalidTypeError: The pattern is not a text.
        UnknownNameError: The pattern names a peer that there is not.

    Example:
        >>> peer_names("hf:relu*")
        {'hf:relu': 'relu', 'hf:relu6': 'relu6', 'hf:relu2': 'relu_squared'}
    """
    names = {
        f"{peer}:{name}": spec for peer, table in PEERS.items() for name, spec in table.items()
    }
    check_pattern(pattern)
    peer, colon, rest = pattern.partition(":")
    if colon and not set(peer) & set("*?["):
        if _peer(peer) not in PEERS:
            raise _unknown_peer(peer, pattern)
        pattern = f"{_peer(peer)}:{rest}"
    return {name: spec for name, spec in names.items() if fnmatch.fnmatchcase(name, pattern)}


def parse(spec: object) -> tuple[str, dict[str, Any]]:
    """Read a spec and check it against the table, without building anything.

    Args:
        spec: `"name"`, `"name(argument=1)"`, `(name, {argument: value})`, or a row. A name may be
            a peer's, as in `"torch:LeakyReLU"`; given arguments, in the peer's words or in ours,
            then override the peer's.

    Returns:
        Canonical name, and the peer's and the given arguments in their plain types.

    Raises:
        InvalidTypeError: The spec is of another kind, or a value is not a number.
        InvalidValueError: The text has no such form, a value is out of range, or the name means
            several activations.
        UnknownNameError: There is no such activation, or it has no such parameter.

    Example:
        >>> parse("lrelu(negative_slope=0.2)")
        ('leaky_relu', {'negative_slope': 0.2})
        >>> parse("tf:leaky_relu")
        ('leaky_relu', {'negative_slope': 0.2})
    """
    if isinstance(spec, str):
        name, params = grammar.read(spec)
    elif isinstance(spec, ActivationSpec):
        name, params = spec.name, {}
    elif (
        isinstance(spec, tuple)
        and len(spec) == 2
        and isinstance(spec[0], str)
        and isinstance(spec[1], Mapping)
    ):
        # The name passes the same reading, so that no odd character slips by.
        (name, inner), params = grammar.read(spec[0]), dict(spec[1])
        if inner:
            raise refusal(spec)
    else:
        raise refusal(spec)
    row, preset = find(name)
    peer, colon, _ = name.partition(":")
    if not colon or not params:
        return row.name, row.check({**preset, **params})
    chosen, params = peer_arguments.read(_peer(peer), row, params)
    return chosen.name, chosen.check({**(preset if chosen is row else {}), **params})


def refusal(spec: object) -> errors.InvalidTypeError:
    """Return the error for something that is not an activation."""
    none = " None does not mean linear; write 'linear'." if spec is None else ""
    return errors.InvalidTypeError(
        f"{errors.shown(repr(spec))} ({type(spec).__name__}) is not an activation.{none}\n"
        f"Give {grammar.FORMS}.\nRun `actzoo list activations` for the names.",
        given=spec,
        allowed=(grammar.FORMS,),
        fix="actzoo list activations",
    )


def format(name: str, params: Mapping[str, Any] | None = None) -> str:
    """Write a name and its arguments as a spec; `parse` gives them back.

    Example:
        >>> format("leaky_relu", {"negative_slope": 0.2})
        'leaky_relu(negative_slope=0.2)'
    """
    return grammar.write(name, params or {})


def reference(name: str, **params: object) -> Callable[[npt.ArrayLike], np.ndarray]:
    """Return an activation as a NumPy function in float64, independent of Keras.

    Learnable ones have the values that training starts from, random ones their mean.

    Args:
        name: Name, alias or spec.
        **params: Arguments, in place of the defaults.

    Returns:
        Function from an array to a float64 array.

    Raises:
        UnknownNameError: There is no such activation or parameter.
        InvalidValueError: A value is out of range, or the row has no reference, or one that
            cannot be imported.

    Example:
        >>> float(reference("relu")(-2.0))
        0.0
    """
    canonical, given = parse(name)
    row = ACTIVATIONS.get(canonical)
    if row.reference is None:
        raise errors.InvalidValueError(
            f"{row.name} brings no NumPy reference.\n"
            'Register it with reference="module:function", a function of float64 arrays.',
            given=name,
        )
    import numpy as np

    function = imported(row.reference, row.name)
    full = {**row.defaults, **given, **row.check(params)}

    @functools.wraps(function)
    def compute(x: npt.ArrayLike) -> np.ndarray:
        return np.asarray(function(np.asarray(x, "float64"), **full), "float64")

    return compute


def imported(target: str, owner: str) -> Any:
    """Import what a row points at.

    Args:
        target: `"module:attribute"`.
        owner: Name of the row, for the message.

    Raises:
        InvalidValueError: There is no such module or attribute.
    """
    try:
        return resolve(target)
    except (ImportError, AttributeError) as error:
        raise errors.InvalidValueError(
            f"The activation '{owner}' points at '{errors.shown(target, 120)}', which cannot be "
            f"imported: {errors.shown(error, 120)}.\nInstall or fix the package that brings it.",
            given=owner,
        ) from error


def register(
    row: ActivationSpec | str, function: Callable[..., Any] | None = None, **fields: Any
) -> ActivationSpec:
    """Add an activation of your own to the table.

    Args:
        row: The row, or just a name; the other arguments then fill the row.
        function: The function `f(x, **parameters)` or Keras layer class, at the top of a module,
            so that a saved model finds it again.
        **fields: Of `ActivationSpec`. `reference` may be a function too.

    Returns:
        The row.

    Raises:
        InvalidTypeError: It is neither a row nor a name with a function.
        InvalidValueError: The name or an alias is taken (the first one stays), it is not a plain
            name, a field does not fit, or the function cannot be found by its module and name.
        UnknownNameError: A row has no such field, or the function no such argument.

    Example:
        register("cube", cube, reference=cube_numpy, formula="x^3")
    """
    if isinstance(row, str):
        if function is None:
            raise errors.InvalidTypeError(
                f"register('{errors.shown(row)}') needs the function.\n"
                "Write register(name, function), or register(ActivationSpec(...)).",
                given=row,
            )
        row = _row(row, function, fields)
    elif not isinstance(row, ActivationSpec) or function is not None or fields:
        raise errors.InvalidTypeError(
            "register takes one ActivationSpec, or a name, a function and fields.",
            given=row,
        )
    len(ACTIVATIONS)  # the built-in rows come first, so that theirs are the names that stay
    check_names(row)
    return ACTIVATIONS.add(row, origin=f"register() for {row.target}")


def check_names(row: object) -> None:
    """Refuse a row of others whose names cannot be written, or mean something else.

    Raises:
        InvalidTypeError: It is not a row.
        InvalidValueError: A name is not a plain one, or is how others write an activation.
    """
    if not isinstance(row, ActivationSpec):
        raise errors.InvalidTypeError(f"{errors.shown(repr(row))} is no ActivationSpec.", given=row)
    for name in (row.name, *row.aliases):
        try:
            plain = name.isidentifier() and grammar.read(name) == (name, {})
        except errors.InvalidValueError:
            plain = False
        if not plain:
            raise errors.InvalidValueError(
                f"'{errors.shown(name)}' is not a plain name: use letters, digits and _.",
                given=name,
            )
        taken = [] if name in ACTIVATIONS else list(_meanings(name))
        if taken:
            raise errors.InvalidValueError(
                f"'{errors.shown(name)}' is how others write {' or '.join(taken)}.\n"
                "Choose a name that cannot be taken for it.",
                given=name,
            )


def _row(name: str, function: Callable[..., Any], fields: dict[str, Any]) -> ActivationSpec:
    """Return the row of a function or layer class, held against it."""
    known = [field.name for field in dataclasses.fields(ActivationSpec)[2:]]
    for given in fields:
        if given not in known:
            raise errors.unknown_name("field of an activation", given, known)
    if callable(fields.get("reference")):
        fields["reference"] = _target(fields["reference"])
    row = ActivationSpec(name=name, target=_target(function), **fields)
    if not isinstance(function, type) and (row.learnable or row.random or row.channel_factor != 1):
        raise errors.InvalidValueError(
            f"{name} has weights, draws random numbers or changes the number of channels, which "
            "a function cannot.\nWrite it as a Keras layer, such as "
            "actzoo.activations.channelwise.layers.CReLU, and register that class.",
            given=name,
        )
    takes = inspect.signature(function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        for parameter in row.parameters:
            if parameter.name not in takes:
                raise errors.unknown_name(f"argument of {row.target}", parameter.name, takes)
    return row


def _folded(name: str) -> str:
    """Return a name as it is compared with others, "" for one that no table could hold."""
    if len(name) > 64 or not name.isascii():  # lower() turns some letters into plain ones
        return ""
    return name.lower().replace("_", "").replace("-", "")


@functools.cache
def _spellings_of_peers() -> dict[str, dict[str, list[str]]]:
    """Return folded name -> canonical name -> whose spelling it is, such as "torch:GELU"."""
    folded: dict[str, dict[str, list[str]]] = {}
    for peer, table in PEERS.items():
        for name, spec in table.items():
            if "/" not in name:
                meanings = folded.setdefault(_folded(name), {})
                meanings.setdefault(spec.partition("(")[0], []).append(f"{peer}:{name}")
    return folded


def _meanings(name: str) -> dict[str, list[str]]:
    """Return the canonical names that a bare name may stand for, each with peers who say so."""
    key = _folded(name)
    own = [row.name for row in ACTIVATIONS if key in map(_folded, (row.name, *row.aliases))]
    peers = _spellings_of_peers().get(key, {})
    if own:
        return {meaning: peers.get(meaning, []) for meaning in own}
    return {**{meaning: [] for meaning in AMBIGUOUS.get(key, ())}, **peers}


def _ambiguous(name: str, meanings: Mapping[str, list[str]]) -> errors.InvalidValueError:
    said = [f"{row} (as in {', '.join(by[:3])})" if by else row for row, by in meanings.items()]
    peer = next((f"; or name the peer: '{by[0]}'" for by in meanings.values() if by), "")
    return errors.InvalidValueError(
        f"'{errors.shown(name)}' means several activations: {'; '.join(said)}.\n"
        f"Write {' or '.join(repr(row) for row in meanings)}{peer}.",
        given=name,
        allowed=meanings,
        nearest=meanings,
        fix=next(iter(meanings)),
    )


def _find_of_peer(name: str) -> tuple[ActivationSpec, dict[str, Any]]:
    """Read `"peer:name"`, or `"peer:name/value"` where the peer writes an argument so."""
    peer, _, spelling = name.partition(":")
    peer = _peer(peer)
    if peer not in PEERS:
        raise _unknown_peer(peer, name)
    spec = PEERS[peer].get(spelling)
    if spec is None:
        head, _, value = spelling.partition("/")
        for known in PEERS[peer]:
            if value and known.startswith(f"{head}/<"):
                argument = known[len(head) + 2 : -1]
                spec = f"{PEERS[peer][known]}({argument}={value})"
    if spec is None:
        raise _unknown_of_peer(peer, spelling)
    canonical, preset = grammar.read(spec)
    return ACTIVATIONS.get(canonical), preset


def _peer(name: str) -> str:
    """Return what the table calls a peer, of which people may write the full name."""
    lower = name[:64].lower()
    return OTHERWISE_CALLED.get(lower, lower)


def _unknown_peer(peer: str, name: str) -> errors.UnknownNameError:
    near = difflib.get_close_matches(peer[:64].lower(), PEERS, n=3)
    ordered = [*near, *(other for other in PEERS if other not in near)]
    hint = f"Did you mean {' or '.join(map(repr, near))}?\n" if near else ""
    return errors.UnknownNameError(
        f"Unknown peer '{errors.shown(peer)}' in '{errors.shown(name)}'.\n{hint}"
        f"Peers: {', '.join(ordered)}.\n"
        'Run `actzoo list activations "torch:*"` for the names of one.',
        given=name,
        allowed=PEERS,
        nearest=near,
        fix='actzoo list activations "torch:*"',
    )


def _unknown_of_peer(peer: str, spelling: str) -> errors.UnknownNameError:
    error = errors.unknown_name(
        f"activation of {peer}",
        spelling,
        PEERS[peer],
        aliases={known.lower(): known for known in PEERS[peer]},
        command=f'actzoo list activations "{peer}:*"',
    )
    plain = {ACTIVATIONS.get(spelling).name} if spelling in ACTIVATIONS else _meanings(spelling)
    if len(plain) != 1:
        return error
    (ours,) = plain
    return errors.UnknownNameError(
        f"{error.message}\nWithout the peer, '{errors.shown(spelling)}' is our {ours}.",
        given=error.given,
        allowed=error.allowed,
        nearest=(*error.nearest, ours),
        fix=error.fix,
    )


def _target(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", "")
    owner = inspect.getmodule(function)
    if owner is None or getattr(owner, path, None) is not function:
        raise errors.InvalidValueError(
            f"{errors.shown(repr(function))} cannot be found again by its module and name, so a "
            "saved model could not be loaded.\nDefine it with `def` at the top of a module.",
            given=function,
        )
    return f"{module}:{path}"
