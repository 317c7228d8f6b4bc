"""Photos: image classification with convolutional networks."""

from __future__ import annotations

from actzoo import _lazy

__all__ = ["build_mobilenet_v2", "build_resnet18", "build_simple_net"]

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "build_mobilenet_v2": "actzoo.applications.vision.models:build_mobilenet_v2",
        "build_resnet18": "actzoo.applications.vision.models:build_resnet18",
        "build_simple_net": "actzoo.applications.vision.models:build_simple_net",
    },
)
