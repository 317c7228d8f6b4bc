"""One export under way: each product is made from the one before, once, when first asked for.

trained model -> lowered model -> SavedModel -> float file -> finished file -> recorded outputs

What a format makes of these products is its maker's business; see `makers`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actzoo import artifacts, errors, models
from actzoo.artifacts import CHAINS, STABLE, Artifact
from actzoo.export.notes import Notes
from actzoo.export.samples import as_taken
from actzoo.export.saving import save_model
from actzoo.tflite.converter import CONVERT, Converter

if TYPE_CHECKING:
    import keras

    from actzoo import lowering


@dataclasses.dataclass(frozen=True)
class Form:
    """How the activations of a lowered model are written.

    Attributes:
        kind: "stable" or "chains".
        stable: Layers that take the stable form all the same.
    """

    kind: str = STABLE
    stable: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of a file or folder of this form."""
        return f"{self.kind}{len(self.stable) or ''}"


class ExportJob:
    """One export under way, in a temporary folder.

    Args:
        model: The trained model.
        card: That travels with it.
        output: Activation to append to the model; None where it gives probabilities.
        scratch: The temporary folder.
        converter: The child that converts.
        samples: To calibrate with, by input name.
        lower: Write activations in their device form.
        io_dtype: Of the files' inputs and outputs.
        note: Takes each warning.
    """

    def __init__(
        self,
        model: keras.Model,
        card: models.ModelCard,
        output: str | None,
        *,
        scratch: Path,
        converter: Converter,
        samples: Mapping[str, np.ndarray],
        lower: bool,
        io_dtype: str,
        note: Notes,
    ) -> None:
        self.model = model
        self.card = card
        self.output = output
        self.scratch = scratch
        self.converter = converter
        self.samples = samples
        self.lower = lower
        self.io_dtype = io_dtype
        self.note = note
        self.float_layers: dict[str, str] = {}
        self._lowered: dict[Form, lowering.Lowered] = {}
        self._float_files: dict[Form, Path] = {}

    # --- products, in the order they are made --------------------------------------------------

    def lowered(self, form: Form = Form()) -> lowering.Lowered:
        """Return the model written for a device."""
        from actzoo import lowering

        if form not in self._lowered:
            self._lowered[form] = lowering.lower_in_detail(
                self.model,
                form.kind,
                output_activation=self.output,
                replace=self.lower,
                stable=form.stable,
            )
        return self._lowered[form]

    def saved_model(self, form: Form = Form()) -> Path:
        """Return the SavedModel of a form; that of the stable one is put beside the files."""
        folder = self.scratch / f"saved_model_{form.name}"
        if not folder.exists():
            shapes = {name: described["shape"] for name, described in self.card.inputs.items()}
            save_model(self.lowered(form).model, folder, shapes)
        return folder

    def float_file(self, form: Form = Form()) -> Path:
        """Return the `.tflite` with float values of a form."""
        if form == Form(CHAINS) and not self.lowered(form).chains:
            form = Form()  # every activation is written the same way for both
        if form not in self._float_files:
            out = self.scratch / f"float_{len(self._float_files)}.tflite"
            saved = self.saved_model(form)
            self.converter.run(CONVERT, saved_model=str(saved), out=str(out))
            self._float_files[form] = out
        return self._float_files[form]

    def calibration_file(self) -> Path:
        """Return the samples to calibrate with, as `.npz`."""
        path = self.scratch / "calibration.npz"
        if not path.exists():
            np.savez(path, **as_taken(self.samples, self.model))  # type: ignore[arg-type]
        return path

    # --- files ---------------------------------------------------------------------------------

    def make(self, precisions: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
        """Make the file of each precision.

        Returns:
            Precision -> file, and precision -> why it could not be made.
        """
        made: dict[str, Path] = {}
        failed: dict[str, str] = {}
        self.saved_model()
        for precision in precisions:
            try:
                made[precision] = self._make(artifacts.ARTIFACTS.get(precision))
            except (errors.ExportError, errors.InvalidValueError) as error:
                failed[precision] = str(error)
        return made, failed

    def _make(self, artifact: Artifact) -> Path:
        out = self.scratch / artifact.file
        artifact.make(self, out)
        return out
