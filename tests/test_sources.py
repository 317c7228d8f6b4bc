"""The contract of a kind of data, held by ours and by those of other packages."""

import shutil

import nibabel
import numpy as np
import pytest
import sensor_domain
from picture_files import encoded, noise, write_classes
from PIL import Image
from scan_files import ball, disc, nifti, png, put, write_pictures, write_volumes
from text_files import sentences, write_table

from actzoo import data, domains, errors, testing


def photos(root):
    write_classes(root / "data", count=8)
    changed = shutil.copytree(root / "data", root / "changed")
    (changed / "cat" / "000.png").write_bytes(encoded(noise(77)))
    write_classes(root / "wrong", ("cat",))
    return root / "data", changed, [root / "wrong"]


def pictures(root):
    write_pictures(root / "data", 8)
    changed = shutil.copytree(root / "data", root / "changed")
    put(changed / "masks" / "cell_00.png", png(disc(5)[1]))
    broken = shutil.copytree(root / "data", root / "wrong")
    put(broken / "images" / "cell_00.png", b"no picture")
    return root / "data", changed, [broken]


def volumes(root):
    import nibabel

    write_volumes(root / "data", 8)
    changed = shutil.copytree(root / "data", root / "changed")
    nibabel.save(nifti(ball(9)[0]), changed / "images" / "scan_0.nii.gz")
    broken = shutil.copytree(root / "data", root / "wrong")
    whole = (broken / "images" / "scan_0.nii.gz").read_bytes()
    (broken / "images" / "scan_0.nii.gz").write_bytes(whole[:-20])
    return root / "data", changed, [broken]


def texts(root):
    rows = sentences(60)
    write_table(root / "data.csv", rows)
    changed = write_table(root / "changed.csv", [*rows[:-1], ("one more storm", "weather")])
    (root / "wrong.csv").write_text('text,label\n"never closed,weather\n')
    return root / "data.csv", changed, [root / "wrong.csv"]


def grids(root):
    import toy_domain

    place = toy_domain.write(root / "data.grids.npz")
    (root / "wrong.grids.npz").write_bytes(place.read_bytes()[:200])
    changed = toy_domain.write(root / "changed.grids.npz", seed=1)
    return place, changed, [root / "wrong.grids.npz"]


def windows(root):
    place = sensor_domain.write(root / "data.sensors")
    (root / "wrong.sensors").write_text("walking 0.1 0.2\n")
    return place, sensor_domain.write(root / "changed.sensors", seed=1), [root / "wrong.sensors"]


DATA = {
    "vision": photos, "medical": pictures, "medical volumes": volumes, "text": texts,
    "toy": grids, "sensors": windows,
}  # fmt: skip


@pytest.fixture(scope="module", params=DATA)
def checks(request, tmp_path_factory, toy):
    """The checks of one kind of data, by name."""
    if "sensors" not in domains.DOMAINS:
        domains.register(sensor_domain.DOMAIN)
    root = tmp_path_factory.mktemp("data")
    path, changed, wrong = DATA[request.param](root)
    domain = request.param.split()[0]
    made = testing.source_checks(domain, path, changed=changed, wrong=wrong)
    return {check.name: check for check in made}


NAMES = (
    "row_is_complete", "data_is_recognized", "recognition_is_light",
    "every_list_has_the_length", "classes_fit_labels", "masks_hold_classes",
    "ids_are_unique_and_stable", "splits_are_known", "groups_stay_together",
    "loading_is_deterministic", "raw_gives_the_same_inputs", "fingerprint_agrees",
    "samples_are_counted", "plan_is_complete", "samples_fit_the_plan",
    "augmenting_keeps_the_form", "cutting_and_joining_fit", "lengths_are_places",
    "masks_are_written", "nothing_is_refused", "fingerprint_changes", "wrong_data_is_refused_1",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_of_data_keeps_its_contract(checks, name):
    assert set(checks) == set(NAMES)
    checks[name]()


# --- what the checks find ------------------------------------------------------------------------


def failing(toy, tmp_path, monkeypatch, check, **methods):
    """The error of a check on the toy domain with some of its source's methods replaced."""
    for name, function in methods.items():
        monkeypatch.setattr(toy.Grids, name, function)
    path = toy.write(tmp_path / "a.grids.npz")
    (found,) = [one for one in testing.source_checks("toy", path) if one.name == check]
    with pytest.raises(testing.CheckFailedError) as caught:
        found()
    return str(caught.value)


def shifted(self, index):
    return data.Example({"image": self._grids[index]}, int(self._labels[index - 1]))


def unsteady(self, index):
    grid = np.random.default_rng().integers(0, 255, (6, 6, 1)).astype("uint8")
    return data.Example({"image": grid}, int(self._labels[index]))


def unlike_training(self, index):
    return (255 - self._grids[index]).tobytes()


def miscounted(self):
    return data.Fingerprint("toy", 89, ("down", "flat", "up"), {}, {}, self._hash)


@pytest.mark.parametrize(
    ("check", "told", "methods"),
    [
        ("every_list_has_the_length", "ids() has 2 values for 90", {"ids": lambda s: ["a", "b"]}),
        ("classes_fit_labels", "load(0) has the target 2, labels() says 0", {"load": shifted}),
        ("classes_fit_labels", "for 3 classes", {"labels": lambda s: s._labels + 1}),
        ("ids_are_unique_and_stable", "more than once", {"ids": lambda s: ["a"] * len(s)}),
        ("splits_are_known", "'final'", {"splits": lambda s: ["final"] * len(s)}),
        ("loading_is_deterministic", "something else", {"load": unsteady}),
        ("raw_gives_the_same_inputs", "different inputs", {"raw": unlike_training}),
        ("raw_gives_the_same_inputs", "not bytes", {"raw": lambda s, i: s._grids[i]}),
        ("fingerprint_agrees", "89 examples of 90", {"fingerprint": miscounted}),
        ("samples_are_counted", "no cutter", {"samples_per_example": lambda s, _: [1] * len(s)}),
    ],
)
def test_a_broken_promise_is_named(toy, tmp_path, monkeypatch, check, told, methods):
    assert told in failing(toy, tmp_path, monkeypatch, check, **methods)


@pytest.mark.parametrize(
    ("check", "told", "method", "function"),
    [
        ("samples_fit_the_plan", "planned are ['picture']", "inputs", None),
        ("row_is_complete", "'read_grid'", "steps", lambda self: {}),
        ("data_is_recognized", "not recognized", "recognize", lambda self, path: None),
        ("data_is_recognized", "an empty folder", "recognize", lambda self, path: "anything"),
    ],
)
def test_a_class_that_says_something_else_is_named(
    toy, tmp_path, monkeypatch, check, told, method, function
):
    def renamed(self, source, split, overrides):
        described = {"picture": {"shape": [6, 6, 1], "dtype": "float32", "range": [0, 255]}}
        return domains.InputPlan({}, described, ({"step": "read_grid"},), {}, ("so",))

    monkeypatch.setattr(toy.Toy, method, function or renamed)
    assert told in failing(toy, tmp_path, monkeypatch, check)


def test_an_error_that_is_not_ours_is_named(toy, tmp_path, monkeypatch):
    def broken(self, path):
        raise KeyError("grids")

    path = toy.write(tmp_path / "a.grids.npz")
    monkeypatch.setattr(toy.Grids, "__init__", broken)
    checks = {check.name: check for check in testing.source_checks("toy", path)}
    with pytest.raises(testing.CheckFailedError, match="raises KeyError"):
        checks["nothing_is_refused"]()


class Half(domains.Domain):
    """A domain that does not say how its data is opened."""

    def recognize(self, path):
        return None


@pytest.mark.parametrize(
    "target, problem",
    [
        ("no_such_package:Domain", "cannot be used: No module named"),
        ("test_sources:Absent", "cannot be used: module 'test_sources' has no"),
        ("test_sources:Half", "cannot be used: Can't instantiate abstract class Half"),
        ("shutil:which", "cannot be used|is not a subclass"),
        ("builtins:repr", "is not a subclass of actzoo.domains.Domain"),
    ],
)
def test_a_row_without_a_class_is_named_with_how_to_fix_it(monkeypatch, target, problem):
    row = domains.DomainSpec(
        name=target, summary="", task="classification", default_model="simple_net",
        default_precisions=("float32",), target=target,
    )  # fmt: skip
    monkeypatch.setitem(domains.DOMAINS._rows, row.name, row)
    with pytest.raises(errors.InvalidTypeError, match=problem) as refused:
        domains.get_domain(row.name)
    assert target in str(refused.value) and "uninstall that package" in str(refused.value)


def test_one_input_is_read_as_training_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    volume = rng.normal(50, 9, (20, 22, 12)).astype("float32")
    mask = (volume > 55).astype("uint8") * 5
    for name, values in (("scan", volume), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}.nii.gz")
    scan = data.read_example(tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz")
    low, high = np.percentile(volume, (0.5, 99.5))
    cut = np.clip(volume, low, high)
    np.testing.assert_allclose(
        scan.inputs["image"][..., 0], (cut - cut.mean()) / cut.std(), atol=1e-4
    )
    np.testing.assert_array_equal(scan.target, mask // 5)
    assert data.read_example(tmp_path / "scan.nii.gz").target is None

    pixels = rng.integers(0, 255, (48, 48, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(data.read_example(tmp_path / "photo.png").inputs["image"], pixels)
    words = data.read_example("a film that is long and a film that is good")
    assert words.inputs["attention_mask"].sum() > 10
    assert words.target is None


@pytest.mark.parametrize(
    ("path", "mask", "options", "error", "words"),
    [
        ("none.png", None, {}, errors.MissingFileError, "nothing at"),
        ("cut.png", None, {}, errors.DataError, "damaged|ends early"),
        ("cut.png", "none.png", {}, errors.MissingFileError, "no mask"),
        ("cut.png", None, {"max_pixel": 9}, errors.UnknownNameError, "max_pixels"),
        ("data.bin", None, {}, errors.DataError, "domain="),
        ("cut.png", None, {}, errors.DataError, r"cut\.png: [^.]*\.$"),
        ("rows.csv", None, {"domain": "text"}, errors.DataError, "is a table"),
        (".", None, {"domain": "text"}, errors.DataError, "is a folder"),
        ("whole.png", "whole.png", {"domain": "vision"}, errors.InvalidValueError, "not a mask"),
    ],
)
def test_one_input_that_cannot_be_read_says_why(tmp_path, path, mask, options, error, words):
    Image.fromarray(np.zeros((48, 48), "uint8")).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-20])
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    (tmp_path / "rows.csv").write_text("text,label\na film,good\n")
    place = None if mask is None else tmp_path / mask
    with pytest.raises(error, match=words):
        data.read_example(tmp_path / path, place, **options)
