"""What a `.tflite` file holds, read and run without TensorFlow.

Operators are listed from the file itself, so that "builtin operators only" and "every float run
folds" are facts about the file and not about the way it was made. A file is checked before the
interpreter is asked, because a wrong index in it can end the process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
