"""What the report shows of a run."""

import json
import re
from html.parser import HTMLParser

import fake_run
import pytest

from actzoo import errors, formatting, inference, progress, report, run_folder
from actzoo.cli import answers, summaries
from actzoo.report import charts, embedded, panels
from actzoo.report import figures as report_figures


class Page(HTMLParser):
    """A page as a browser reads it: elements, attributes, text.

    A `wbr` is not an element of its own here but a place where a word may break.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self._inside_style = self._within_word = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag == "wbr" and not attrs:
            self._within_word = True
            return
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._inside_style = tag == "style"

    def handle_endtag(self, tag):
        self._inside_style = False

    def handle_data(self, data):
        if self._inside_style:
            return
        if self._within_word:
            self.text[-1] += data
        else:
            self.text.append(data)
        self._within_word = False

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fake_run.make(tmp_path_factory.mktemp("report") / "clothes")


@pytest.fixture(scope="module")
def page(run):
    return Page(report.render(run).read_text("utf-8"))


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    return fake_run.make_masks(tmp_path_factory.mktemp("report") / "brains")


@pytest.fixture(scope="module")
def masks_page(masks):
    return Page(report.render(masks).read_text("utf-8"))


@pytest.fixture(scope="module")
def texts_page(tmp_path_factory):
    run = fake_run.make_texts(tmp_path_factory.mktemp("report") / "banking")
    return Page(report.render(run).read_text("utf-8"))


def scored(run):
    return json.loads((run / "metrics.json").read_text("utf-8"))["test"]


def test_the_top_says_what_it_is_how_good_and_whether_it_is_proved(run, page):
    test = json.loads((run / "metrics.json").read_text("utf-8"))["test"]
    low, high = test["accuracy_interval"]
    for part in (
        "clothing10",
        "mobilenet_v2",
        "relu6",
        f"{test['accuracy']:.1%}",
        f"95% interval {low:.1%} to {high:.1%}",
        f"always the most frequent class: {test['constant_accuracy']:.1%}",
        "✓ Verified",
        "2,646 to train, 567 to validate",
        "40 epochs in 13 min",
    ):
        assert part in page.words


def test_a_failed_verification_is_said_at_the_top_with_its_reason(tmp_path):
    run = fake_run.make(tmp_path / "run", passed=False)
    words = Page(report.render(run).read_text("utf-8")).words
    assert "✗ Not verified" in words
    assert "1 of 4 exported files missed a limit: int8" in words
    assert words.index("93.1% of 370 cases; the limit is 97.0%") < words.index("The data")
    assert "For int8: more calibration samples" in words
    assert "✓ Verified" not in words


def test_findings_about_the_results_come_before_them(tmp_path):
    run = fake_run.make(tmp_path / "run")
    metrics, plan = (json.loads((run / name).read_text()) for name in ("metrics.json", "plan.json"))
    metrics["findings"] = [
        {"code": "leak", "what": "3 test photos are in train.", "why": "Too good.",
         "suggestion": "Remove <them>."},
        "not a finding",
    ]  # fmt: skip
    plan["understood"] = {"data": "photos in class folders", "set aside": "2 .txt files"}
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "plan.json").write_text(json.dumps(plan))
    words = Page(report.render(run).read_text("utf-8")).words
    order = ("3 test photos are in train.", "Too good. Remove <them>.", "are classified correctly")
    assert sorted(order, key=words.index) == list(order)
    assert "Set aside 2 .txt files" in words


def test_a_finding_fails_the_seal_even_where_every_file_passed(tmp_path):
    run = fake_run.make(tmp_path / "run")
    verification = json.loads((run / "export" / "verify.json").read_text("utf-8"))
    verification["int8"]["findings"] = [
        {"code": "classes", "what": "Labels differ.", "why": "", "fix": ""}
    ]
    (run / "export" / "verify.json").write_text(json.dumps(verification), "utf-8")
    words = Page(report.render(run).read_text("utf-8")).words
    assert "✗ Not verified" in words
    assert "Labels differ." in words


def test_a_model_that_guesses_is_called_so(tmp_path):
    run = fake_run.make(tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    metrics["test"]["constant_accuracy"] = metrics["test"]["accuracy_interval"][0] + 0.01
    (run / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    words = Page(report.render(run).read_text("utf-8")).words
    assert "not clearly better than always answering the most frequent class" in words


def test_every_part_of_the_report_is_there(page):
    for heading in (
        "Warnings",
        "Samples of the training data",
        "Pictures of each class",
        "Confusion matrix",
        "The most frequent mistakes",
        "Class by class",
        "Confidence and accuracy",
        "Most confident mistakes",
        "Learning rate",
        "Zero outputs",
        "Units with constant output",
        "Saturated inputs",
        "Gradient norm",
        "Exported files",
        "Decisions and reasons",
        "How to reproduce",
        "Origin and license of the weights",
        "Versions",
    ):
        assert heading in page.words
    assert "Not shown" not in page.words


def test_findings_warnings_and_reasons_stand_in_words(page):
    for part in (
        "14 of 112 units of stage7_block3_expand_act",
        "Try leaky_relu, gelu or silu",
        "3 files could not be read and were set aside",
        "40 epochs: 130,000 examples are shown in all.",
        "actzoo run clothes/plan.json --out again",
        "actzoo verify clothes",
        "decode image, then resize image (height 96, width 96, fit crop)",
        "The int8 file is 3.4 times smaller than float32 and 2.4 times faster",
    ):
        assert part in page.words


def test_pictures_are_inside_of_the_page(page):
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(pictures) == 48
    assert all(value.startswith("data:image/jpeg;base64,") for value in pictures)


def test_mistakes_stand_with_the_results_and_samples_with_the_data(page):
    words = page.words
    mistakes = words.index("Most confident mistakes")
    assert words.index("Samples of the") < words.index("Results") < mistakes


def test_a_picture_outside_of_the_evaluation_is_not_read(tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    fake_run.picture(tmp_path / "secret.jpg")
    panels = {"format": 1, "panels": [{"title": "t", "kind": "gallery", "items": [
        {"picture": name, "caption": "c"}
        for name in ("../../secret.jpg", str(tmp_path / "secret.jpg"), "", ".", "\0", "a" * 9999)
    ]}]}  # fmt: skip
    (run / "evaluation" / "panels.json").write_text(json.dumps(panels), "utf-8")
    opened = Page(report.render(run).read_text("utf-8"))
    assert "img" not in opened.tags
    assert "no picture" in opened.words


def test_only_pictures_become_pictures(tmp_path):
    run = fake_run.make(tmp_path / "run")
    for file in (run / "evaluation" / "pictures").iterdir():
        file.write_text("<svg onload='alert(1)'/>", "utf-8")
    assert "img" not in Page(report.render(run).read_text("utf-8")).tags


def test_a_home_folder_does_not_travel(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/jane.doe")
    monkeypatch.setenv("USERPROFILE", "/home/jane.doe")
    run = fake_run.make(tmp_path / "run", pictures=False)
    record = {"warnings": ["/home/jane.doe/photos/x.jpg is cut off"]}
    (run / "stages" / "plan.json").write_text(json.dumps(record), "utf-8")
    text = report.render(run).read_text("utf-8")
    assert "jane.doe" not in text
    assert "~/photos/x.jpg is cut off" in text


def test_the_same_folder_gives_the_same_page(run):
    first = report.render(run).read_bytes()
    assert report.render(run).read_bytes() == first


def test_an_old_page_stays_where_a_new_one_cannot_be_written(run, monkeypatch):
    before = report.render(run).read_bytes()

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(errors.DiskError):
        report.render(run)
    monkeypatch.undo()
    assert run_folder.RunFolder(run).report.read_bytes() == before
    assert not list(run.glob(".tmp-*"))


# --- masks -------------------------------------------------------------------------------------


def test_the_top_of_masks_says_dice_and_distance(masks, masks_page):
    test = scored(masks)
    low, high = test["dice_interval"]
    for part in (
        "tells 3 classes apart in every pixel, trained from scratch on 180 cases",
        f"{test['dice']['mean']:.3f} mean Dice",
        "over those 20 of 21 held-out cases that hold any foreground",
        f"95% interval {low:.3f} to {high:.3f}",
        f"IoU {test['iou']['mean']:.3f}",
        f"HD95 {test['hd95_mm']['mean']:.2f} mm",
        "180 to train, 40 to validate, 21 to test",
    ):
        assert part in masks_page.words


def test_the_scores_of_masks_here_have_the_form_of_real_ones(masks):
    import numpy as np

    from actzoo import tasks

    truth = np.array([[0, 1], [2, 2]])
    case = (truth, np.eye(3)[truth], (1.0, 1.0))
    classes = ["background", *fake_run.STRUCTURES]
    assessed = tasks.Segmentation().assess([case, case], classes)

    def form(value):
        return {k: form(v) for k, v in value.items()} if isinstance(value, dict) else None

    assert form(assessed.score) == form(scored(masks))
    header = (masks / "evaluation" / "predictions.csv").read_text("utf-8").splitlines()[0]
    assert sorted(assessed.rows[0]) == sorted(header.split(",")[2:])


def test_a_notice_stands_before_any_number(masks_page):
    words = masks_page.words
    title = words.index("hippocampus3d", words.index("Training report"))
    assert title < words.index(fake_run.NOTICE) < words.index(fake_run.ABOUT)
    assert words.index(fake_run.ABOUT) < words.index("mean Dice")


def test_without_a_notice_there_is_no_frame_for_one(page):
    assert "note" not in [value for _, name, value in page.attributes if name == "role"]


def test_masks_have_their_own_parts_and_none_of_a_class_per_example(masks, masks_page):
    words = masks_page.words
    for part in ("Class by class", "Case by case", "Scores of each case", "HD95"):
        assert part in words
    for part in ("Confusion matrix", "Confidence and accuracy", "accuracy", "most frequent class"):
        assert part not in words.replace("costs int8 accuracy", "")
    for name, found in scored(masks)["per_class"].items():
        row = f"{name} 20 {found['dice']:.3f} {found['iou']:.3f} {found['hd95_mm']:.2f} mm"
        assert row in words


def test_cases_are_shown_by_their_mean_over_classes(tmp_path):
    run = fake_run.make_masks(tmp_path / "run", pictures=False)
    text = "split,id,dice_a,dice_b\nval,v,0.1,0.1\ntest,x,0.4,0.6\ntest,y,0.9,\ntest,z,,\n"
    (run / "evaluation" / "predictions.csv").write_text(text, "utf-8")
    words = Page(report.render(run).read_text("utf-8")).words
    assert "Dice of each of 2 cases" in words
    assert "The median case has 0.700; the lowest, x , has 0.500." in words


def test_masks_are_kept_by_the_highest_dice_and_classes_by_the_lowest_loss(tmp_path):
    rows = "1,all,1,9,0.1,3,0.2,1\n2,all,1,9,0.1,2,0.7,1\n3,all,1,9,0.1,1,0.5,1\n"
    for make, score, kept in (
        (fake_run.make_masks, "dice", "epoch 2, the highest validation Dice"),
        (fake_run.make, "accuracy", "epoch 3, the lowest validation loss"),
    ):
        run = make(tmp_path / score, pictures=False)
        header = f"epoch,phase,learning_rate,loss,{score},val_loss,val_{score},seconds\n"
        (run / "history.csv").write_text(header + rows, "utf-8")
        assert kept in Page(report.render(run).read_text("utf-8")).words


def test_files_of_masks_are_compared_by_dice(masks_page):
    for part in (
        "Agreement: the mean Dice between its masks and those of the trained model",
        "Dice at most 0.015 lower",
        "its Dice is 0.867, that of float32 0.871",
    ):
        assert part in masks_page.words


def test_pictures_much_wider_than_high_get_room(page, masks_page):
    def classes(page):
        return [value for _, name, value in page.attributes if name == "class" and value]

    assert "gallery wide" in classes(masks_page)
    assert "gallery wide" not in classes(page)


def test_without_spacing_nothing_is_said_of_millimetres(tmp_path):
    run = fake_run.make_masks(tmp_path / "run", spacing=False, pictures=False)
    panels = json.loads((run / "evaluation" / "panels.json").read_text("utf-8"))
    panels["panels"] = [p for p in panels["panels"] if p["kind"] != "table"]
    (run / "evaluation" / "panels.json").write_text(json.dumps(panels), "utf-8")
    words = Page(report.render(run).read_text("utf-8")).words
    assert " mm" not in words


# --- sentences ---------------------------------------------------------------------------------


def test_panels_of_sentences_are_drawn(texts_page):
    words = texts_page.words
    for part in (
        "Tokens of each text What is longer is cut",
        "64 are read",
        "Balance of the classes The largest class has 180 texts, the smallest 30. Rare classes",
        "Pairs that are confused most often",
        "3 × 64 tokens (token_ids, segment_ids, padding_mask)",
        "vocabulary 8,000 entries",
    ):
        assert part in words
    assert words.index("Results") < words.index("Pairs that are") < words.index("20 epochs in 2")
    for sentence in fake_run.SENTENCES:
        assert " ".join(sentence.split()) in words


def test_long_sentences_wrap_and_names_break_at_their_joints(texts_page):
    cells = [value for tag, name, value in texts_page.attributes if (tag, name) == ("td", "class")]
    assert cells.count("text long") == len(fake_run.SENTENCES)
    environment = report._environment()
    assert environment.filters["name"]("card_payment") == "card_<wbr>payment"


# --- panels ------------------------------------------------------------------------------------


def shown(panel, home):
    return panels.shown(panel, panels.Pictures(home))


def test_every_kind_of_panel_is_documented_and_says_what_is_missing(tmp_path):
    for kind in panels._KINDS:
        assert f'"{kind}"' in panels.__doc__
        assert shown({"kind": kind}, tmp_path)["gap"]


@pytest.mark.parametrize("kind", [None, "pie", 3, [], {}])
def test_a_panel_of_a_later_version_is_named_as_a_gap(kind, tmp_path):
    assert "cannot draw" in shown({"kind": kind}, tmp_path)["gap"]


def test_a_panel_stands_where_it_says():
    given = [{"title": "Mistakes"}, {"title": "Mistakes", "section": "data"},
             {"section": "results"}, {"section": "elsewhere"}, "no panel"]  # fmt: skip
    assert panels.of_section(given, "data") == [given[1], given[3]]
    assert panels.of_section(given, "results") == [given[0], given[2]]


def test_numbers_of_a_column_have_the_same_digits(tmp_path):
    rows = [["a", 0.5, 12, "97%"], ["b", None, 1204.0, "3%"], ["c", 1]]
    found = shown({"kind": "table", "columns": ["x", "y"], "rows": rows}, tmp_path)
    assert found["rows"] == [("a", "0.500", "12", "97%"), ("b", "–", "1,204", "3%"),
                             ("c", "1.000", "–", "–")]  # fmt: skip
    assert [column["figure"] for column in found["columns"]] == [False, True, True, True]
    assert not found["long"]


def test_a_mark_lies_at_its_value_and_the_axis_reaches_it():
    chart = report_figures.histogram({"values": [1, 2, 2, 3], "mark": 5, "mark_label": "cut"})
    columns = {tick.label: tick.at for tick in chart.x_ticks}
    assert chart.mark == columns["5"]
    assert (chart.mark_label, chart.mark_anchor) == ("cut", "end")


def test_values_far_above_all_others_share_the_last_column():
    chart = report_figures.histogram({"values": [1, 2, 3, 4, 5] * 40 + [90_000]})
    assert [bar.kind for bar in chart.bars] == [0] * 5 + [1]
    assert chart.about == "The last column joins all from 6 to 90,000."


def test_the_parts_of_a_row_stand_side_by_side():
    figure = report_figures.balance(
        {"labels": ["a", "b"], "series": {"x": [30, 10], "y": [10, 10]}}
    )
    assert [row["bars"] for row in figure["rows"]] == [[(0, 75), (75, 25)], [(0, 25), (25, 25)]]


def test_a_count_of_0_is_shown(tmp_path):
    run = fake_run.make_masks(tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    metrics["test"]["empty"] = metrics["val"]["empty"] = 0
    (run / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    assert "Without foreground" in report.render(run).read_text("utf-8")


# --- the console -------------------------------------------------------------------------------


def test_a_score_is_one_line_for_every_kind_of_run(run, masks):
    for folder, task, first, rest in (
        (
            run,
            "classification",
            "Test accuracy 0.811 (95 % interval",
            "370 examples); macro recall 0.811",
        ),
        (
            masks,
            "segmentation",
            "Test Dice 0.871 (95 % interval 0.850 to 0.890, 21 cases)",
            "; HD95 2.16 mm",
        ),
    ):
        line = summaries.score_line("Test", scored(folder), task)
        assert line.startswith(first)
        assert rest in line
    assert summaries.score_line("Test", {"n": 0}, "classification") == "Test: nothing to score on"
    one = {"n": 1, "dice": {"a": 0.5, "mean": 0.5}, "dice_interval": None, "empty": 0}
    assert summaries.score_line("Test", one, "segmentation") == "Test Dice 0.500 (1 case)"


def test_classes_and_files_are_shown_by_their_own_measures(run, masks):
    tables = {}
    for folder, task in ((run, "classification"), (masks, "segmentation")):
        verification = json.loads((folder / "export" / "verify.json").read_text("utf-8"))
        tables[folder] = (
            summaries.class_table(scored(folder), task).splitlines()[0].split(),
            summaries.verification_table(verification, task).splitlines()[0],
        )
    assert tables[run][0] == ["class", "examples", "precision", "recall", "F1"]
    assert tables[masks][0] == ["class", "cases", "Dice", "IoU", "HD95", "mm"]
    assert "accuracy" in tables[run][1]
    assert "Dice" in tables[masks][1]
    assert summaries.class_table({"n": 0}, "classification") is None


def test_masks_are_answered_with_their_file_and_shares(tmp_path, capsys):
    rows = [
        answers.answer(found, 5)
        for found in (
            inference.Prediction("a.nii", None, None, {}, mask="out/a.nii", shares={"=x": 0.25}),
            inference.Prediction("=b.nii", None, None, {}, error="It is cut off."),
        )
    ]
    assert rows[0]["mask"] == "out/a.nii"
    assert "shares" not in rows[1]
    answers.Screen(None).add(rows)
    table = capsys.readouterr().out.splitlines()
    assert re.split(" {2,}", table[1]) == ["a.nii", "out/a.nii", "=x 25.0%"]
    with answers.Table(tmp_path, ["=x"]) as table:
        table.add(rows)
    assert table.path.read_text("utf-8") == (
        "input,mask,labels,share of =x,error\n"
        "a.nii,out/a.nii,,0.250000,\n'=b.nii,,,,It is cut off.\n"
    )


def test_an_epoch_is_shown_by_whatever_was_scored():
    row = {"epoch": 1, "phase": "all", "loss": 1.0, "dice": 0.5, "val_loss": 2.0, "val_dice": 0.4}
    line = "loss 1.000  dice 0.500  validation loss 2.000  dice 0.400"
    assert progress._scores(row) == line


# --- figures -----------------------------------------------------------------------------------


def test_ticks_are_round_and_enclose_the_values():
    chart = charts.line_chart("Loss", {"a": [0.37, 1.92]})
    labels = [float(tick.label) for tick in chart.y_ticks]
    assert labels == [0, 0.5, 1, 1.5, 2]
    heights = [tick.at for tick in chart.y_ticks]
    assert heights == sorted(heights, reverse=True)


def test_a_value_lies_where_its_axis_says():
    chart = charts.line_chart("Accuracy", {"a": [0.0, 0.5, 1.0]}, share=True)
    points = list(chart.lines[0].paths[0])
    assert [y for _, y in points] == [chart.bottom, (chart.bottom + chart.top) / 2, chart.top]
    assert [x for x, _ in points] == [chart.left, (chart.left + chart.right) / 2, chart.right]


def test_a_gap_divides_a_curve_and_a_lone_point_is_a_dot():
    chart = charts.line_chart("Loss", {"a": [1, 2, None, 3, float("nan"), 4, 5]})
    (line,) = chart.lines
    assert len(line.paths) == 2
    assert len(line.dots) == 1
    assert chart.missing == 2


def test_large_ratios_take_a_logarithmic_axis():
    chart = charts.column_chart("Gradient", [2e-6, 2e-3, 2.0], log=True)
    heights = [bar.height for bar in chart.bars]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0], abs=0.3)


def test_thousands_of_epochs_are_thinned_and_keep_their_ends():
    chart = charts.line_chart("Loss", {"a": list(range(10_000, 0, -1))})
    points = chart.lines[0].paths[0]
    assert len(points) <= charts.MOST_POINTS + 1
    assert points[-1][0] == chart.right


def test_nothing_to_draw_is_none():
    assert charts.line_chart("x", {"a": [None, float("inf")]}) is None
    assert charts.column_chart("x", []) is None
    assert charts.column_chart("x", [0, -1], log=True) is None


def test_confusion_names_the_pairs_by_frequency():
    figure = report_figures.confusion([[8, 2, 0], [5, 5, 0], [0, 1, 9]], ["a", "b", "c"])
    assert [(p["true"], p["said"], p["n"]) for p in figure["pairs"]] == [
        ("b", "a", 5),
        ("a", "b", 2),
        ("c", "b", 1),
    ]
    assert figure["pairs"][0]["share"] == 0.5
    assert figure["wrong"] == 8
    assert figure["cells"][1]["values"][0] == (5, 4, False)


def test_classes_have_numbers_unless_their_names_fit_a_heading(tmp_path):
    digits = tuple("0123456789")
    words = Page(report.render(fake_run.make(tmp_path / "d", classes=digits)).read_text("utf-8"))
    assert "by the number of the class" not in words.words
    assert not report_figures.numbered(digits)
    assert report_figures.numbered(fake_run.CLASSES)


def test_the_map_of_many_classes_is_a_picture_of_the_matrix():
    import base64
    import io

    from PIL import Image

    rows = [[0] * 30 for _ in range(30)]
    for i in range(30):
        rows[i][i] = 4
    rows[3][7] = 4
    uri = embedded.confusion_map(rows)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert picture.size == (30, 30)
    assert picture.getpixel((5, 5))[:3] == embedded.BLUE
    assert picture.getpixel((7, 3))[:3] == embedded.ORANGE
    assert picture.getpixel((8, 3))[3] == 0
    assert picture.getpixel((5, 5))[3] > picture.getpixel((3, 3))[3]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0 B"), (999, "999 B"), (987_344, "987 kB"), (3_312_344, "3.31 MB"), (None, "–"),
     (True, "–"), (float("nan"), "–"), ("x", "–")],
)  # fmt: skip
def test_sizes_in_words(value, words):
    assert formatting.size(value) == words


def test_what_is_not_known_is_a_dash():
    for words in (formatting.share, formatting.number, formatting.size, formatting.duration):
        for value in (None, float("nan"), float("inf"), "x", [], 10**400):
            assert words(value) == "–"


def test_curves_of_many_epochs_are_drawn_to_their_end(tmp_path):
    run = fake_run.make(tmp_path / "run")
    rows = ["epoch,phase,learning_rate,loss,accuracy,val_loss,val_accuracy,seconds"]
    rows += [f"{n},train,0.001,{2 / n:.4f},0.5,{2.1 / n:.4f},0.5,1" for n in range(1, 181)]
    (run / "history.csv").write_text("\n".join(rows) + "\n", "utf-8")
    text = report.render(run).read_text("utf-8")
    drawn = [points.split() for points in re.findall(r'<polyline[^>]*points="([^"]*)"', text)]
    curves = [points for points in drawn if len(points) > 50]
    assert len(curves) >= 5
    number = re.compile(r"-?\d+(\.\d+)?,-?\d+(\.\d+)?")
    for points in curves:
        assert all(number.fullmatch(point) for point in points)
        assert points[-1].startswith("322")  # the right edge of the plot
