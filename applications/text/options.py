"""The options that texts are opened with, on the command line and in Python. Data only."""

from __future__ import annotations

from actzoo.data_options import DataOption

OPTIONS = (
    DataOption("text_column", str, "Column of the texts."),
    DataOption("label_column", str, "Column of the labels."),
    DataOption("columns", str, "Names of the columns, by commas, of a table without a header."),
    DataOption("delimiter", str, "Between the fields of a CSV, if no comma."),
    DataOption("encoding", str, "Of the file, if not UTF-8."),
    DataOption("whole_files", bool, "A text file holds one text, not one per line."),
    DataOption("strict", bool, "Refuse what is otherwise set aside or only noted.", inputs=False),
)
