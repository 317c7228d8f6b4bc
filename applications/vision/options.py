"""The options that pictures are opened with, on the command line and in Python. Data only."""

from __future__ import annotations

from actzoo.data_options import DataOption

OPTIONS = (
    DataOption("strict", bool, "Refuse what is otherwise set aside or only noted.", inputs=False),
    DataOption("max_pixels", int, "Largest picture, height times width.", least=1),
    DataOption(
        "white",
        float,
        "Value of white in pictures of more than 8 bits a value.",
        least=1e-6,
        inputs=False,
    ),
    DataOption("label_column", str, "Column of the labels.", inputs=False),
    DataOption("data_dir", str, "Where prepared TensorFlow Datasets are.", inputs=False),
)
