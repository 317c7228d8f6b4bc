"""Tables in Parquet and Arrow files, with the names that Hugging Face keeps for class numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from actzoo import errors
from actzoo.applications.text.tables.cells import Moment
from actzoo.applications.text.tables.decoding import content_of
from actzoo.applications.text.tables.records import Table, checked_columns, refuse, written

if TYPE_CHECKING:
    import pyarrow


def read(path: Path) -> Table:
    """Return the table of a Parquet, Arrow or Feather file.

    Raises:
        MissingExtraError: The library is missing.
        DataError: The file is damaged or another kind of file.
    """
    try:
        import pyarrow
    except ImportError:
        raise errors.missing_extra("pyarrow", "text", f"Reading {path.suffix} tables") from None
    try:
        content = _opened(path)
        content.validate(
            full=path.suffix.lower() != ".parquet"
        )  # of Arrow, bytes are used as they are
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError, OverflowError) as error:
        is_parquet = path.suffix.lower() == ".parquet"
        raise refuse(
            path.name,
            None,
            f"it is not {'a Parquet' if is_parquet else 'an Arrow'} table: "
            f"{errors.shown(error, 120)}.",
            _fix(path),
        ) from error
    file_name = written(path.name)
    columns = checked_columns(file_name, content.column_names)
    names = _class_names(content.schema.metadata or {})
    cells = [
        _named(file_name, name, _values(column), names.get(name))
        for name, column in zip(content.column_names, content.columns, strict=True)
    ]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return Table(file_name, columns, rows, list(range(1, len(rows) + 1)))


def _opened(path: Path) -> pyarrow.Table:
    """Return the whole table; the name of the folder adds no column."""
    import pyarrow
    from pyarrow import feather, parquet

    if path.suffix.lower() == ".parquet":
        return parquet.ParquetFile(path).read()
    if path.suffix.lower() == ".feather":
        return feather.read_table(path)
    content = io.BytesIO(content_of(path))
    try:
        return pyarrow.ipc.open_file(content).read_all()
    except pyarrow.ArrowInvalid:  # written as a stream, as Hugging Face's datasets do
        content.seek(0)
        return pyarrow.ipc.open_stream(content).read_all()


def _fix(path: Path) -> str:
    """Return what to do about a file that cannot be read."""
    with open(path, "rb") as file:
        if file.read(30).startswith(b"version https://git-lfs"):
            return "It is the pointer that Git LFS left; get the file itself: git lfs pull"
    return "Write it again."


def _values(column: pyarrow.ChunkedArray) -> list[object]:
    """Return the values of a column; dates and times as what they show."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_temporal(kind):
        shown = column.cast(kind).cast(pyarrow.string()).to_pylist()
        return [None if value is None else Moment(value) for value in shown]
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # some programs write other bytes as strings
        return [_value(scalar) for scalar in column]


def _value(scalar: pyarrow.Scalar) -> object:
    """Return a value; of strings that are not UTF-8, their bytes."""
    try:
        return cast("object", scalar.as_py())
    except UnicodeDecodeError as error:
        return error.object


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return column -> names of its class numbers, as Hugging Face's datasets keep them."""
    try:
        info = json.loads(metadata.get(b"huggingface", b"{}"))
        features = info["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    found = {}
    for column, feature in features.items():
        names = _names_of(feature)
        if names is not None:
            found[column] = names
    return found


def _names_of(feature: Any) -> list[str] | None:
    """Return the names of a `ClassLabel`, also inside a list."""
    while isinstance(feature, list) and feature:
        feature = feature[0]
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return _names_of(feature["feature"]) if "feature" in feature else None


def _named(
    name: str, column: str, values: Sequence[object], names: Sequence[str] | None
) -> list[object]:
    """Return class numbers by their names; -1 stands for no label."""
    if names is None:
        return list(values)

    def one(row: int, value: object) -> object:
        if isinstance(value, list):
            return [one(row, inner) for inner in value]
        if value is None or value == -1:
            return None
        if isinstance(value, int) and 0 <= value < len(names):
            return names[value]
        raise refuse(
            name,
            row,
            f"the column '{errors.shown(column)}' holds {errors.shown(value)}; the file names "
            f"{len(names)} classes, 0 to {len(names) - 1}.",
            "Correct the number, or write the table without the names.",
        )

    return [one(row, cast("object", value)) for row, value in enumerate(values, 1)]
