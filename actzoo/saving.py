"""Saving a model with its card, and loading one after its file was checked."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from actzoo import errors, files, model_files, run_folder
from actzoo.model_card import ModelCard, versions

if TYPE_CHECKING:
    import keras


def register() -> None:
    """Make Keras know actzoo's layers, so that its own loader reads our `.keras` files."""
    from actzoo import activations, blocks  # noqa: F401  (its layers register themselves)

    activations.register_layers()


def save_model(model: keras.Model, folder: str | os.PathLike[str], card: ModelCard) -> ModelCard:
    """Save a model and its card.

    Args:
        model: A functional model that ends in logits.
        folder: Gets `model.keras` and `model.json`.
        card: Its hash and versions are filled in.

    Returns:
        The card as written.

    Raises:
        DiskError: The disk is full or not writable; the old files stay.
    """
    run = run_folder.RunFolder(folder)
    with files.atomic_path(run.model) as temporary:
        try:
            model.save(temporary)
        except OSError:
            raise
        except RuntimeError as error:  # h5py hides the disk's error in a text of its own
            raise OSError(28, str(error)) from error
    card = dataclasses.replace(
        card,
        sha256={run.model.name: files.sha256_file(run.model)},
        versions=versions(),
    )
    card.write(run.card)
    return card


def load_model(path: str | os.PathLike[str], *, trust: bool = False) -> keras.Model:
    """Load a model of a run folder or a `.keras` file.

    Args:
        path: A folder with `model.keras`, or the file.
        trust: Load classes that are neither Keras' nor actzoo's; such a file can run any code.

    Returns:
        The model, not compiled.

    Raises:
        MissingFileError: There is no such file.
        InvalidValueError: The file is damaged, differs from its card's hash, or asks for classes
            that are not allowed.
    """
    path = Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise errors.MissingFileError(
            f"There is no model at {errors.shown(file, 200)}.\n"
            "Give a run folder that `actzoo run` or `actzoo train` made, or a .keras file.",
            given=str(path),
        )
    _check_hash(file)
    if not trust:
        model_files.check(file)
    register()
    import keras

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> errors.InvalidValueError:
    """Return the error for a file that Keras does not read, and what to do about it."""
    unknown = re.search(r"Unknown activation '[^']*'", str(error))
    if unknown:
        return errors.InvalidValueError(
            f"{errors.shown(file, 200)} cannot be loaded: {unknown.group()[0].lower()}"
            f"{unknown.group()[1:]}.\nImport the module that registers it "
            "(actzoo.activations.register) before loading.",
            given=str(file),
        )
    reason = str(error).strip().splitlines()[0] if str(error) else error
    return errors.InvalidValueError(
        f"{errors.shown(file, 200)} cannot be read as a Keras model: "
        f"{errors.shown(reason, 160)}.\n"
        "Save it again with actzoo.save_model, or copy it again from its source.",
        given=str(file),
    )


def _check_hash(file: Path) -> None:
    card_path = file.with_name("model.json")
    if not card_path.exists():
        return
    expected = ModelCard.read(card_path).sha256.get(file.name)
    if expected is not None and files.sha256_file(file) != expected:
        raise errors.InvalidValueError(
            f"{errors.shown(file, 200)} is not the file that its model.json describes: the SHA-256 "
            f"differs ({expected[:12]}... was recorded).\n"
            "It was changed or damaged after saving. Copy it again, or train again.",
            given=str(file),
        )
