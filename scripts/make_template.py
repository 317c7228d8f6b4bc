"""Write the MNI152 template of a brain as slices with masks of its gray and white matter.

Command: python scripts/make_template.py FOLDER        (10 seconds)
Result: FOLDER/{train,val,test}/{images,masks}/*.png and FOLDER/dataset.json; axial slices of 2 mm.
Each split is a separate slab, two slices away from the next, since neighbors look alike.

Source: ICBM 2009a nonlinear symmetric, Fonov et al., 2009, NeuroImage 47; comes with nilearn. It
is the average of 152 people and not a patient, so scores on it say nothing about patients.
"""

import json
import sys
from pathlib import Path

import numpy as np
from nilearn import datasets
from PIL import Image

SLABS = {"test": (34, 46), "val": (58, 68)}  # slices from the neck up, of 95; the rest is train
GAP = 2
LEAST = 0.02  # share of a slice that is brain

DESCRIPTION = {
    "name": "MNI152 template",
    "description": "The MNI152 template of the brain, an average of 152 healthy people that comes "
    "with nilearn. It is a template and not a patient: scores on it say nothing about patients.",
    "labels": {"0": "background", "1": "gray matter", "2": "white matter"},
}


def main(folder: str) -> None:
    head, gray, white = (
        load(resolution=2).get_fdata()
        for load in (
            datasets.load_mni152_template,
            datasets.load_mni152_gm_template,
            datasets.load_mni152_wm_template,
        )
    )
    masks = np.zeros(head.shape, "uint8")
    masks[gray > 0.5] = 1
    masks[white > 0.5] = 2
    scale = 255 / head.max()
    count = 0
    for z in range(head.shape[2]):
        split = split_of(z)
        if split is None or (masks[:, :, z] > 0).mean() < LEAST:
            continue
        image = (head[:, :, z] * scale).round().clip(0, 255)
        write(Path(folder, split, "images", f"slice{z:02d}.png"), image)
        write(Path(folder, split, "masks", f"slice{z:02d}.png"), masks[:, :, z])
        count += 1
    Path(folder, "dataset.json").write_text(json.dumps(DESCRIPTION, indent=2), "utf-8")
    print(f"{count} slices written to {folder}")


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rot90(picture.astype("uint8"))).save(path)


def split_of(z: int) -> str | None:
    """Return the split of a slice; None for those between two slabs."""
    for split, (first, last) in SLABS.items():
        if first <= z < last:
            return split
        if first - GAP <= z < last + GAP:
            return None
    return "train"


if __name__ == "__main__":
    main(sys.argv[1])
