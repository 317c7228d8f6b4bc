"""What a model's outputs mean: how they are trained, decoded, scored and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.tasks.classification import Classification
    from actzoo.tasks.measures import Measure, Presentation
    from actzoo.tasks.segmentation import IGNORE_INDEX, Segmentation, renumbering
    from actzoo.tasks.statistics import (
        SMALLEST_PROBABILITY,
        are_probabilities,
        class_weights,
        mean_interval,
        softmax,
        surface_distance,
        wilson_interval,
    )
    from actzoo.tasks.task import TASKS, Assessment, Task, TaskSpec, get_task

_TARGETS = {
    "Assessment": "actzoo.tasks.task:Assessment",
    "Classification": "actzoo.tasks.classification:Classification",
    "IGNORE_INDEX": "actzoo.tasks.segmentation:IGNORE_INDEX",
    "Measure": "actzoo.tasks.measures:Measure",
    "Presentation": "actzoo.tasks.measures:Presentation",
    "SMALLEST_PROBABILITY": "actzoo.tasks.statistics:SMALLEST_PROBABILITY",
    "Segmentation": "actzoo.tasks.segmentation:Segmentation",
    "TASKS": "actzoo.tasks.task:TASKS",
    "Task": "actzoo.tasks.task:Task",
    "TaskSpec": "actzoo.tasks.task:TaskSpec",
    "are_probabilities": "actzoo.tasks.statistics:are_probabilities",
    "class_weights": "actzoo.tasks.statistics:class_weights",
    "get_task": "actzoo.tasks.task:get_task",
    "mean_interval": "actzoo.tasks.statistics:mean_interval",
    "renumbering": "actzoo.tasks.segmentation:renumbering",
    "softmax": "actzoo.tasks.statistics:softmax",
    "surface_distance": "actzoo.tasks.statistics:surface_distance",
    "wilson_interval": "actzoo.tasks.statistics:wilson_interval",
}

__all__ = [
    "IGNORE_INDEX",
    "SMALLEST_PROBABILITY",
    "TASKS",
    "Assessment",
    "Classification",
    "Measure",
    "Presentation",
    "Segmentation",
    "Task",
    "TaskSpec",
    "are_probabilities",
    "class_weights",
    "get_task",
    "mean_interval",
    "renumbering",
    "softmax",
    "surface_distance",
    "wilson_interval",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
