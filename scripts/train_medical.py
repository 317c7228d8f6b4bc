"""Train a U-Net on scans and masks, with an activation of your choice. For research only.

Command: python scripts/train_medical.py SCANS RUN [--activation A] [--epochs N] [--ask SCAN ...]
Time: for 500 pictures of 256 px from scratch, about 15 minutes on two cores.
Result: RUN/model.keras, RUN/export/model_int8.tflite, RUN/report.html, the scores of each class
printed, and masks of the scans asked about in RUN/masks.
"""

import argparse
from pathlib import Path

import actzoo
from actzoo import inference
from actzoo.cli import summaries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", help="folder with images/ and masks/, or train/, test/ above them")
    parser.add_argument("run", help="folder for the results; must be new or empty")
    parser.add_argument("--activation", default="leaky_relu")
    parser.add_argument("--epochs", type=int, help="decided from the amount of data if left out")
    parser.add_argument("--ask", nargs="*", default=[], help="scans to segment at the end")
    given = parser.parse_args()

    result = actzoo.run(
        given.scans,
        out=given.run,
        model="unet",
        activation=given.activation,
        weights="none",
        epochs=given.epochs,
        export=("float32", "int8"),
    )
    test = result.metrics["test"]
    for name, dice in test["dice"].items():
        print(f"{name}: Dice {dice:.3f}, IoU {test['iou'][name]:.3f}")
    print(summaries.verification_table(result.verification, "segmentation"))
    if given.ask:
        masks = Path(given.run, "masks")
        with inference.open_model(result.run.export / "model_int8.tflite") as model:
            for answer in model.predict(given.ask, out=masks):
                print(f"{answer.id}: {answer.mask or answer.error}")


if __name__ == "__main__":
    main()
