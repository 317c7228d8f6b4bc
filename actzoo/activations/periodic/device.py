"""Device forms of the periodic activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from actzoo.activations.device_forms import DeviceForm

SINE = DeviceForm()
SNAKE = DeviceForm(int8_operators=("ADD",))
GCU = DeviceForm(int8_operators=("MUL",))
ASU = DeviceForm(int8_operators=("MUL",))
