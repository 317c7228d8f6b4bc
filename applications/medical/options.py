"""The options that scans are opened with, on the command line and in Python. Data only."""

from __future__ import annotations

from actzoo.data_options import DataOption

OPTIONS = (
    DataOption("strict", bool, "Refuse what is otherwise set aside or only noted.", inputs=False),
    DataOption("max_voxels", int, "Largest scan, voxels or pixels in all.", least=1),
    DataOption(
        "resample_masks", bool, "Bring masks to their images' grid (nearest).", inputs=False
    ),
    DataOption("fill_nan", float, "Value in place of NaN and infinite voxels."),
    DataOption(
        "orientation",
        str,
        "Pictures as EXIF turns them, or as stored: exif, ignore.",
    ),
    DataOption("binary_masks", bool, "Masks are black and white: one class.", inputs=False),
    DataOption("background", int, "The background's number in masks.", least=0, inputs=False),
    DataOption("volume", int, "Which volume of 4-D scans, from 0.", least=0),
    DataOption(
        "channel_files", str, "What the files of one scan's channels end in, in order: t1,t2."
    ),
)
