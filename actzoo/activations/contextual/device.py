"""Device forms of the contextual activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from actzoo.activations.device_forms import DeviceForm

DICE = DeviceForm(folds=False)
EVO_NORM_B0 = DeviceForm(folds=False)
FUNNEL_RELU = DeviceForm(folds=False)
DY_RELU = DeviceForm(folds=False)
META_ACON = DeviceForm(folds=False)
