"""Write scikit-learn's 1,797 handwritten digits as a folder of class folders of PNG files.

Command: python scripts/make_digits.py FOLDER        (2 seconds)
Result: FOLDER/<digit>/<index>.png, 8 x 8 pixels, gray; what the demo trains on.

Source: Alpaydin & Kaynak, 1998, Optical Recognition of Handwritten Digits, UCI (CC BY 4.0).
"""

import sys
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits


def main(folder: str) -> None:
    digits = load_digits()
    for index, (picture, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = Path(folder, str(label), f"{index:04d}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture * (255 / 16)).round().astype("uint8")).save(path)
    print(f"{len(digits.target)} pictures written to {folder}")


if __name__ == "__main__":
    main(sys.argv[1])
