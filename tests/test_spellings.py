"""Files and rows written with earlier names are read as those of today."""

import json

import pytest

from actzoo import errors, files, models, spellings, weights
from actzoo.activations import ActivationSpec
from actzoo.domains import DOMAINS, Domain, DomainSpec


def test_every_old_key_is_read_as_the_new_one(tmp_path):
    for owner, names in spellings.KEYS.items():
        for old, new in names.items():
            held = {old: 1, "kept": {old: 2}}
            path = tmp_path / "file.json"
            path.write_text(json.dumps({owner: held} if owner else held))
            data = files.read_json(path, "file")
            place = data[owner] if owner else data
            assert place[new] == 1 and old not in place
            assert place["kept"] == {old: 2}  # the same word elsewhere is a name of the user's


def test_old_keys_are_found_in_lists_and_steps(tmp_path):
    path = tmp_path / "plan.json"
    steps = [{"step": "normalise_scan", "low": 0.5}, {"step": "tile_scan", "neighbours": 1}]
    path.write_text(json.dumps({"preprocessing": steps, "classes": ["colour", "normalise_scan"]}))
    assert files.read_json(path, "plan") == {
        "preprocessing": [
            {"step": "normalize_scan", "low": 0.5},
            {"step": "tile_scan", "neighbors": 1},
        ],
        "classes": ["colour", "normalise_scan"],
    }


def test_where_both_names_stand_the_new_one_counts(tmp_path):
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"weights": {"licence": "old", "license": "new"}}))
    assert files.read_json(path, "card")["weights"]["license"] == "new"


@pytest.mark.parametrize(
    "old, new",
    [
        ("recipe.augmentation.colour", "recipe.augmentation.color"),
        ("colour", "color"),
        ("recipe.weight_decay", "recipe.weight_decay"),
        ("recipe.colour", "recipe.colour"),
    ],
)
def test_settings_of_the_command_line_may_have_old_names(old, new):
    assert spellings.modern_path(old) == new


def test_rows_of_plugins_may_be_made_with_old_arguments():
    row = weights.WeightsSpec(name="net.tag", model="net", source="hub", licence="MIT", sha256="0")
    assert row.license == "MIT"
    assert {"ActivationSpec", "ModelSpec", "WeightsSpec"} == set(spellings.ARGUMENTS)
    for kind in (ActivationSpec, models.ModelSpec, weights.WeightsSpec):
        for new in spellings.ARGUMENTS[kind.__name__].values():
            assert new in kind.__dataclass_fields__


def test_rows_that_name_functions_are_told_of_the_class():
    with pytest.raises(errors.InvalidTypeError) as caught:
        DomainSpec(
            name="sensor", summary="s", task="classification", default_model="net",
            default_precisions=("float32",), sniff="m:sniff", open="m:open", inputs="m:inputs",
            steps=(("read", "m:read"),), write="m:write",
        )  # fmt: skip
    first, second = str(caught.value).splitlines()
    assert 'target="module:Class"' in first and "actzoo.domains.Domain" in first
    assert "sniff -> recognize, open -> open, inputs -> inputs, write -> write_mask" in second
    for method in spellings.DOMAIN_METHODS.values():
        assert callable(getattr(Domain, method))


PLAIN = {"name": "old", "summary": "", "task": "classification", "default_model": "net",
         "default_precisions": ("float32",)}  # fmt: skip


class OldPlugin:
    """An entry point whose module makes a row as it was made before there were classes."""

    name, value = "old", "old_package:DOMAIN"

    @staticmethod
    def load():
        return DomainSpec(**PLAIN, sniff="m:sniff", open="m:open", inputs="m:inputs")


def test_a_plugin_with_such_a_row_is_left_out_with_a_note_on_how_to_fix_it(capsys):
    table = type(DOMAINS)("domain", check=DOMAINS._check)
    table._add_plugin(OldPlugin)
    note = capsys.readouterr().err
    assert "old_package:DOMAIN" in note and 'target="module:Class"' in note
    assert "subclass of actzoo.domains.Domain" in note and "old" not in table


@pytest.mark.parametrize("steps", [(("read", "m:read"),), "m:read"])
def test_steps_of_a_domain_are_names(steps):
    with pytest.raises(errors.InvalidTypeError, match="tuple of names"):
        DOMAINS._check(DomainSpec(**PLAIN, target="m:Class", steps=steps))
