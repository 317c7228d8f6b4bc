"""Steps from a file to a model's input, by name and settings."""

import numpy as np
import pytest
from picture_files import encoded, noise

from actzoo import errors, preprocessing

STEPS = (
    {"step": "decode_image"},
    {"step": "resize_image", "height": 8, "width": 12, "fit": "stretch"},
)


def test_steps_take_bytes_or_what_was_opened_already():
    pixels = noise()
    from_bytes = preprocessing.apply(STEPS, encoded(pixels))
    from_array = preprocessing.apply(STEPS, {"image": pixels})
    assert from_bytes["image"].shape == (8, 12, 3)
    np.testing.assert_array_equal(from_bytes["image"], from_array["image"])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            {"step": "resize_imag", "height": 8, "width": 8},
            r"step 'resize_imag'(.|\n)*resize_image",
        ),
        ({"step": "resize_image", "hight": 8, "width": 8}, r"no setting 'hight'.*height, width"),
        ({"step": "resize_image", "width": 8}, "lacks height"),
        ({"name": "decode_image"}, "Step 1 of the preprocessing"),
    ],
)
def test_a_wrong_step_is_named_with_what_is_allowed(step, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        preprocessing.validate([step])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"height": 0, "width": 8}, "1 to 8192, not 0"),
        ({"height": 8, "width": "8"}, "1 to 8192, not 8"),
        ({"height": 8, "width": 8, "fit": "strech"}, r"'strech'(.|\n)*'stretch'"),
    ],
)
def test_a_wrong_value_is_named(settings, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        preprocessing.apply([{"step": "resize_image", **settings}], {"image": noise()})


def test_steps_that_do_not_read_the_file_are_refused():
    with pytest.raises(errors.InvalidValueError, match="must begin with the step that reads"):
        preprocessing.apply([], encoded(noise()))
    with pytest.raises(errors.InvalidValueError, match="decode_image"):
        preprocessing.apply(STEPS[1:], encoded(noise()))
