"""Plans: written, read, and set by field."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from actzoo import files
from actzoo.plan import Phase, Plan, Recipe, apply_settings


def example() -> Plan:
    return Plan(
        data="/data", domain="vision", task="classification", content_hash="0",
        classes=("a", "b"), preprocessing=({"step": "decode_image"},),
        inputs={"image": {"shape": [4, 4, 3], "dtype": "float32"}}, model="simple_net",
        model_config={"num_classes": 2, "units": [8], "dropout": 0.0, "input_shape": [4, 4, 3]},
        recipe=Recipe(phases=(Phase("train", "all", "inputs", 3, 1e-3),)),
        precisions=("float32",), num_examples={"train": 8, "val": 2, "test": 2},
    )  # fmt: skip


def test_a_plan_survives_writing_and_reading(tmp_path):
    example().write(tmp_path / "plan.json")
    assert files.plain(Plan.read(tmp_path / "plan.json")) == files.plain(example())


@given(
    rate=st.floats(1e-8, 1.0), epochs=st.integers(1, 1000), batch=st.integers(1, 512),
    seed=st.integers(0, 2**31 - 1),
)  # fmt: skip
def test_any_allowed_values_survive(tmp_path_factory, rate, epochs, batch, seed):
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan = dataclasses.replace(
        example(),
        recipe=Recipe((Phase("p", "all", "inputs", epochs, rate),), batch_size=batch, seed=seed),
    )
    plan.write(path)
    assert Plan.read(path).recipe == plan.recipe


def test_settings_reach_recipe_phases_and_model():
    plan = apply_settings(
        example(), {"learning_rate": "5e-4", "recipe.patience": "4", "dropout": "0.3"}
    )
    assert plan.recipe.phases[0].learning_rate == 5e-4
    assert plan.recipe.patience == 4
    assert plan.model_config["dropout"] == 0.3
