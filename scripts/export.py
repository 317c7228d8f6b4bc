"""Export a trained model, with other precisions than the run asked for, and verify the files.

Command: python scripts/export.py RUN [float16 dynamic ...]
Time: about 20 seconds a precision.
Result: RUN/export/model_<precision>.tflite; one line of figures per file.
"""

import sys

from actzoo import files, run_folder, stages
from actzoo.cli import summaries


def main(run: str, *precisions: str) -> int:
    stages.export(run, precisions or ("float32", "float16", "dynamic", "int8"))
    verification = stages.verify(run)
    verified = files.read_json(run_folder.existing(run).verification, "verification")
    print(summaries.verification_table(verified, None))
    return 0 if verification.passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
