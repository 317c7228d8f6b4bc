"""Run folders as real runs leave them, made in milliseconds; for tests of what reads one.

`make` leaves a run on pictures, `make_texts` one on sentences, `make_masks` one whose examples
have masks; `damage` spoils the last in one of the ways of `DAMAGE`.
"""

import csv
import json
import math
import random
from pathlib import Path

CLASSES = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt",
           "t-shirt")  # fmt: skip
INTENTS = tuple(
    f"{first}_{second}"
    for first in ("activate_my", "balance_not_updated_after", "card_payment", "cash_withdrawal",
                  "exchange", "top_up_by_bank_transfer", "verify")
    for second in ("card", "charge", "cheque_or_cash_deposit", "declined", "fee_charged", "limits",
                   "not_recognised", "pending", "rate", "refund_not_showing_up", "wrong_amount")
)  # fmt: skip
STRUCTURES = ("anterior hippocampus", "posterior hippocampus")
PRECISIONS = ("float32", "float16", "dynamic", "int8")
NOTICE = "For research only, not a medical device."
ABOUT = "This data is an averaged template of many brains and shows no patient."


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def picture(path: Path, seed: int = 0, side: int = 160) -> Path:
    """Write a small JPEG."""
    from PIL import Image, ImageDraw

    chance = random.Random(seed)
    image = Image.new("RGB", (side, side), tuple(chance.randrange(170, 250) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = chance.randrange(0, side // 2), chance.randrange(0, side // 2)
        box = (x, y, x + side // 2, y + side // 2)
        draw.ellipse(box, fill=tuple(chance.randrange(40, 200) for _ in range(3)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=75)
    return path


def _confusion(size: int, each: int, chance: random.Random) -> list[list[int]]:
    matrix = [[0] * size for _ in range(size)]
    for i in range(size):
        for _ in range(each):
            right = chance.random() < 0.8
            matrix[i][i if right else (i + chance.choice((1, 2, 5))) % size] += 1
    return matrix


def _score(classes: tuple[str, ...], matrix: list[list[int]]) -> dict:
    size = len(classes)
    n = sum(map(sum, matrix))
    hits = sum(matrix[i][i] for i in range(size))
    per_class = {}
    for i, name in enumerate(classes):
        truth, said = sum(matrix[i]), sum(row[i] for row in matrix)
        recall, precision = matrix[i][i] / max(truth, 1), matrix[i][i] / max(said, 1)
        f1 = 2 * matrix[i][i] / max(truth + said, 1)
        per_class[name] = {"precision": precision, "recall": recall, "f1": f1, "n": truth}
    accuracy = hits / n
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / n)
    recalls = [found["recall"] for found in per_class.values()]
    return {
        "n": n,
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - half, min(1.0, accuracy + half)],
        "macro_f1": sum(found["f1"] for found in per_class.values()) / size,
        "macro_recall": sum(recalls) / size,
        "loss": 0.713,
        "constant_accuracy": max(map(sum, matrix)) / n,
        "per_class": per_class,
        "confusion": matrix,
    }


def make(
    path: Path,
    *,
    classes: tuple[str, ...] = CLASSES,
    epochs: int = 40,
    each: int = 37,
    rows: int | None = None,
    passed: bool = True,
    pictures: bool = True,
) -> Path:
    """Write a run folder.

    Args:
        path: Where.
        classes: Names.
        epochs: Rows of the history.
        each: Held-out examples per class.
        rows: Rows of predictions.csv; as many as held-out examples where left out.
        passed: Whether the verification holds.
        pictures: Whether the galleries have files.
    """
    chance = random.Random(7)
    path.mkdir(parents=True, exist_ok=True)
    matrix = _confusion(len(classes), each, chance)
    config = {"input_shape": [96, 96, 3], "num_classes": len(classes), "activation": "relu6",
              "width": 0.5}  # fmt: skip
    steps = [
        {"step": "decode_image"},
        {"step": "resize_image", "height": 96, "width": 96, "fit": "crop"},
    ]
    _write(
        path / "plan.json",
        {
            "format": 1,
            "data": "/somewhere/data/clothing10.zip",
            "domain": "vision",
            "task": "classification",
            "content_hash": "9f" * 32,
            "classes": classes,
            "preprocessing": steps,
            "inputs": {"image": {"shape": [96, 96, 3], "dtype": "float32", "range": [0, 255]}},
            "model": "mobilenet_v2",
            "model_config": config,
            "recipe": {
                "phases": [
                    {"name": "head", "trains": "head", "on": "features", "epochs": 8,
                     "learning_rate": 1e-3},
                    {"name": "all", "trains": "all", "on": "inputs", "epochs": epochs - 8,
                     "learning_rate": 3e-4},
                ],
                "batch_size": 32, "weight_decay": 0.02, "warmup": 0.05, "label_smoothing": 0.1,
                "augmentation": {"flip": True, "crop": 0.8}, "class_weights": True,
                "patience": 15, "seed": 0,
            },
            "precisions": PRECISIONS,
            "num_examples": {"train": 2646, "val": 567, "test": sum(map(sum, matrix))},
            "weights": "none",
            "reasons": [
                "96 x 96: the middle picture has 400 pixels on its shorter side, and small inputs "
                "train fast on a CPU",
                "40 epochs: 130,000 examples are shown in all",
                "rare classes weigh more: the largest has over three times the smallest",
            ],
            "notes": [],
        },
    )  # fmt: skip
    card = {
        "format": 1, "name": "mobilenet_v2", "config": config, "domain": "vision",
        "task": "classification", "classes": classes, "preprocessing": steps,
        "inputs": {"image": {"shape": [96, 96, 3], "dtype": "float32", "range": [0, 255]}},
        "output": "softmax",
        "weights": {"origin": "none", "license": "as the data it was trained on"},
        "versions": {"actzoo": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0"},
        "sha256": {"model.keras": "ab" * 32},
    }  # fmt: skip
    _write(path / "model.json", card)
    _history(path / "history.csv", epochs, chance)
    score = _score(classes, matrix)
    _write(path / "metrics.json",
           {"format": 1, "task": "classification", "test": score, "val": score})  # fmt: skip
    _predictions(path / "evaluation" / "predictions.csv", classes, matrix, rows, chance)
    _panels(path / "evaluation", classes, chance, pictures)
    _diagnostics(path / "diagnostics.json", chance)
    _export(path / "export", score, card, passed)
    warnings = {
        "plan": ["No published weights of mobilenet_v2 are available, so training starts from "
                 "scratch. Give --weights PATH to start from a model of your own.",
                 "3 files could not be read and were set aside: dress/0c1f.jpg (cut off), …"],
        "verify": [] if passed else ["verify: int8: it gives Keras' class in 93.1% of 370 cases."],
    }  # fmt: skip
    for stage in ("plan", "train", "evaluate", "diagnose", "export", "verify"):
        _write(path / "stages" / f"{stage}.json",
               {"format": 1, "stage": stage, "seconds": 12.5,
                "warnings": warnings.get(stage, [])})  # fmt: skip
    return path


def _history(path: Path, epochs: int, chance: random.Random, score: str = "accuracy") -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", "phase", "learning_rate", "loss", score, "val_loss",
                         f"val_{score}", "seconds"])  # fmt: skip
        for epoch in range(1, epochs + 1):
            done = epoch / epochs
            phase, rate = ("head", 1e-3) if epoch <= 8 else ("all", 3e-4)
            noise = chance.gauss(0, 0.02)
            writer.writerow(
                [
                    epoch, phase, rate * (0.505 + 0.495 * math.cos(math.pi * done)),
                    0.85 + 1.4 * math.exp(-3 * done) + noise, 0.8 - 0.6 * math.exp(-3 * done),
                    0.7 + 1.4 * math.exp(-3.2 * done) + 2 * noise,
                    0.79 - 0.6 * math.exp(-3.5 * done) - noise, 19.8,
                ]
            )  # fmt: skip


def _predictions(path, classes, matrix, rows, chance) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) for _ in range(n)]
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "id", "label", "predicted", "probability", "correct"])
        for index in range(len(pairs) if rows is None else rows):
            i, j = pairs[index % len(pairs)]
            probability = min(0.999, max(0.12, chance.gauss(0.85 if i == j else 0.55, 0.15)))
            writer.writerow(["test", f"{classes[i]}/{index}.jpg", classes[i], classes[j],
                             f"{probability:.4f}", int(i == j)])  # fmt: skip


def _panels(folder: Path, classes, chance, pictures: bool) -> None:
    def one(name: str, seed: int) -> str:
        if pictures:
            picture(folder / "pictures" / name, seed)
        return f"pictures/{name}"

    samples = [
        {"picture": one(f"s{i}_{k}.jpg", i * 10 + k), "caption": name, "detail": f"{name}/{k}.jpg"}
        for i, name in enumerate(classes[:12])
        for k in range(4)
    ]
    mistakes = [
        {
            "picture": one(f"m{i}.jpg", 500 + i),
            "caption": f"{classes[i % len(classes)]} {97 - i}%",
            "detail": f"is {classes[(i + 1) % len(classes)]} (1%); {classes[0]}/{i}.jpg",
        }
        for i in range(8)
    ]
    counts = [chance.randrange(90, 420) for _ in classes]
    panels = [
        {"title": "Samples of the training data", "kind": "gallery", "items": samples},
        {
            "title": "Pictures of each class",
            "kind": "bars",
            "labels": classes,
            "series": {
                "train": counts,
                "val": [n // 5 for n in counts],
                "test": [n // 6 for n in counts],
            },
        },
        {"title": "Most confident mistakes", "kind": "gallery", "items": mistakes},
    ]
    _write(folder / "panels.json", {"format": 1, "panels": panels})


def _diagnostics(path: Path, chance: random.Random, sites: int = 35) -> None:
    found = []
    for index in range(sites):
        units = 16 * (1 + index // 5)
        found.append(
            {
                "path": f"stage{index // 5 + 1}_block{index % 5 + 1}_expand_act",
                "activation": "relu6",
                "role": "gate" if index % 7 == 6 else "hidden",
                "units": units,
                "zero_fraction": 0.3 + 0.4 * index / sites + chance.gauss(0, 0.04),
                "dead_units": max(0, round(chance.gauss(1, 2))),
                "saturated_fraction": 0.4 + chance.gauss(0, 0.05),
                "gradient_norm": 0.002 * math.exp(index / 9),
                "input_range": [-8.1, 9.3],
                "outlier_ratio": 1.5 + chance.expovariate(1),
            }
        )
    finding = {
        "code": "dead_units",
        "site": "stage7_block3_expand_act",
        "what": "14 of 112 units of stage7_block3_expand_act (relu6) gave the same value for every "
        "input.",
        "why": "Such a unit contributes nothing and gets no gradient: it will not recover.",
        "suggestion": "Try leaky_relu, gelu or silu, a lower learning rate, or a longer warm-up.",
    }
    _write(path, {"sites": found, "findings": [finding], "num_inputs": 256, "format": 1})


def _export(folder: Path, score: dict, card: dict, passed: bool) -> None:
    verification: dict = {}
    for at, precision in enumerate(PRECISIONS):
        good = passed or precision != "int8"
        verification[precision] = {
            "passed": good,
            "size_bytes": [3_312_344, 1_690_112, 1_043_876, 987_344][at],
            "latency_ms": [2.31, 2.29, 1.74, 0.98][at],
            "operators": {"CONV_2D": 35, "DEPTHWISE_CONV_2D": 17, "ADD": 10, "MEAN": 1,
                          "FULLY_CONNECTED": 1, "SOFTMAX": 1},
            "custom_operators": 0,
            "max_abs_error": [2.4e-7, 8.1e-4, 0.021, 0.094][at],
            "mean_abs_error": [1.1e-8, 3.2e-5, 0.0011, 0.0046][at],
            "max_abs_error_extreme": 1e-6,
            "agreement": [1.0, 1.0, 0.995, 0.989 if good else 0.931][at],
            "worst_case": "dress/12.jpg",
            "test": score,
        }  # fmt: skip
    finding = {
        "code": "agreement",
        "precision": "int8",
        "what": "int8: it gives Keras' class in 93.1% of 370 cases; the limit is 97.0%.",
        "why": "The file does not compute what was trained; worst: 'dress/12.jpg'.",
        "suggestion": "For int8: more calibration samples, or another activation.",
    }
    for found in verification.values():
        found["limits"] = {"agreement": 0.97, "score_drop": 0.015}
        found["findings"] = [] if found["passed"] else [finding]
    _write(folder / "verify.json", verification)
    _write(
        folder / "export.json",
        {
            "format": 1,
            "precisions": PRECISIONS,
            "files": {f"model_{p}.tflite": "cd" * 32 for p in PRECISIONS},
            "machine": "x86_64",
            "notes": [],
        },
    )
    _write(folder / "model.json", card)
    for precision in PRECISIONS:
        (folder / f"model_{precision}.tflite").write_bytes(b"TFL3")


# --- sentences -----------------------------------------------------------------------------------


def make_texts(path: Path, *, classes: tuple[str, ...] = INTENTS, sentences=()) -> Path:
    """Write the run folder of a text classification.

    Args:
        path: Where.
        classes: Names.
        sentences: Of the table of mistakes, on top of its own.
    """
    make(path, classes=classes, each=12, epochs=20, pictures=False)
    config = {"length": 64, "vocab_size": 8000, "num_classes": len(classes), "activation": "gelu"}
    words = [f"##{chr(97 + i % 26)}{i}" for i in range(8000)]
    inputs = {
        name: {"shape": [64], "dtype": "int32", "range": [0, high]}
        for name, high in (("token_ids", 7999), ("segment_ids", 1), ("padding_mask", 1))
    }
    changes = {
        "domain": "text", "inputs": inputs,
        "preprocessing": [{"step": "tokenize", "vocabulary": words, "lowercase": True,
                           "length": 64}],
    }  # fmt: skip
    _change(path / "plan.json", data="/somewhere/data/banking77", model="bert_mini",
            model_config=config, precisions=["float32", "dynamic"], **changes,
            reasons=["64 tokens: 99% of the training texts are no longer"])  # fmt: skip
    _change(path / "model.json", name="bert_mini", config=config, **changes)
    verification = json.loads((path / "export" / "verify.json").read_text("utf-8"))
    _write(path / "export" / "verify.json",
           {name: verification[name] for name in ("float32", "dynamic")})  # fmt: skip
    _change(path / "export" / "export.json", precisions=["float32", "dynamic"])
    chance = random.Random(5)
    lengths = [min(400, 4 + int(chance.lognormvariate(2.3, 0.5))) for _ in range(3000)] + [1204]
    _write(path / "evaluation" / "panels.json", {"format": 1, "panels": [
        {"title": "Tokens of each text", "kind": "histogram", "values": lengths,
         "xlabel": "tokens", "mark": 64, "mark_label": "64 are read",
         "about": "What is longer is cut: 0.4% of the texts."},
        {"title": "Balance of the classes", "kind": "note",
         "text": ["The largest class has 180 texts, the smallest 30.",
                  "Rare classes weigh more in the loss."]},
        {"title": "Texts of each class", "kind": "bars", "labels": classes,
         "series": {"train": [chance.randrange(30, 180) for _ in classes],
                    "val": [12 for _ in classes], "test": [12 for _ in classes]}},
        {"title": "Pairs that are confused most often", "kind": "table", "section": "results",
         "columns": ["One", "Other", "Mistakes"],
         "rows": [[name, classes[(i + 1) % len(classes)], 9 - i]
                  for i, name in enumerate(classes[:6])]},
        {"title": "Most confident mistakes", "kind": "table", "section": "results",
         "columns": ["Text", "True class", "Predicted", "Probability"],
         "rows": [[text, classes[i % len(classes)], classes[(i + 3) % len(classes)],
                   f"{97 - i}%"] for i, text in enumerate((*SENTENCES, *sentences))]},
    ]})  # fmt: skip
    return path


SENTENCES = (
    "I was charged twice for the same coffee yesterday, the app shows both payments as pending and "
    "nobody on the phone could tell me when, or whether, I am going to get my money back.",
    "where is it",
    "Why does the exchange rate differ from the one you promised?",
    "لماذا تم رفض بطاقتي عند الدفع في المتجر أمس؟",
    "我昨天在商店付款时为什么我的银行卡被拒绝了，并且应用程序没有显示任何原因？",
    "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4,
    '<b>bold</b> <script>alert(1)</script> {{7*7}} & "quoted" text\nin two\tlines',
)


# --- masks ---------------------------------------------------------------------------------------


def make_masks(
    path: Path,
    *,
    classes: tuple[str, ...] = STRUCTURES,
    cases: int = 20,
    spacing: bool = True,
    passed: bool = True,
    pictures: bool = True,
    notice: str = NOTICE,
    about: tuple[str, ...] = (ABOUT,),
) -> Path:
    """Write the run folder of a segmentation.

    Args:
        path: Where.
        classes: Names, without background.
        cases: Held-out cases; one more has no foreground.
        spacing: Whether distances are known in mm.
        passed: Whether the verification holds.
        pictures: Whether the overlays have files.
        notice: Sentence at the top.
        about: Sentences on this data.
    """
    make(path, epochs=30, passed=passed, pictures=False)
    chance = random.Random(11)
    config = {"input_shape": [64, 64, 1], "num_classes": len(classes) + 1,
              "activation": "leaky_relu"}  # fmt: skip
    named = ["background", *classes]
    steps = [{"step": "read_volume"}, {"step": "zscore"}, {"step": "tiles", "size": [64, 64]}]
    inputs = {"image": {"shape": [64, 64, 1], "dtype": "float32", "range": [-10, 10]}}
    shared = {"domain": "medical", "task": "segmentation", "classes": named,
              "preprocessing": steps, "inputs": inputs}  # fmt: skip
    _change(path / "plan.json", data="/somewhere/data/hippocampus3d", model="unet",
            model_config=config, **shared,
            num_examples={"train": 180, "val": 40, "test": cases + 1},
            reasons=["64 x 64: the middle slice has 36 x 50 pixels"])  # fmt: skip
    _change(path / "model.json", name="unet", config=config, **shared)
    _history(path / "history.csv", 30, chance, "dice")
    rows = _case_rows(classes, cases, spacing, chance)
    score = _mask_score(classes, rows, spacing)
    _write(path / "metrics.json",
           {"format": 1, "task": "segmentation", "test": score, "val": score})  # fmt: skip
    _case_file(path / "evaluation" / "predictions.csv", classes, rows)
    _overlays(path / "evaluation", classes, rows, pictures, notice, about)
    verification = json.loads((path / "export" / "verify.json").read_text("utf-8"))
    for name, found in verification.items():
        lower = {"int8": 0.004}.get(name, 0.0)
        short = {key: value for key, value in score.items() if key != "hd95_mm"}
        found["test"] = {**short, "dice": {k: v - lower for k, v in score["dice"].items()}}
    _write(path / "export" / "verify.json", verification)
    return path


def _case_rows(classes, cases: int, spacing: bool, chance) -> list[dict]:
    rows = []
    for index in range(cases):
        row: dict = {"id": f"hippocampus_{index:03}.nii.gz"}
        for name in classes:
            dice = min(0.98, max(0.05, chance.betavariate(18, 3)))
            row[f"dice_{name}"], row[f"iou_{name}"] = dice, dice / (2 - dice)
            row[f"hd95_mm_{name}"] = 1 + 9 * (1 - dice) if spacing else None
        rows.append(row)
    return [*rows, {"id": "hippocampus_empty.nii.gz"}]


def _mask_score(classes, rows: list[dict], spacing: bool) -> dict:
    def means(kind: str) -> dict:
        found = {}
        for name in classes:
            known = [row[f"{kind}_{name}"] for row in rows if f"{kind}_{name}" in row]
            found[name] = sum(known) / len(known)
        return {**found, "mean": sum(found.values()) / len(found)}

    dice, iou = means("dice"), means("iou")
    distance = means("hd95_mm") if spacing else None
    return {
        "n": len(rows),
        "dice": dice,
        "dice_interval": [dice["mean"] - 0.021, dice["mean"] + 0.019],
        "iou": iou,
        "hd95_mm": distance,
        "loss": 0.0713,
        "constant_dice": 0.05,
        "empty": 1,
        "per_class": {
            name: {"dice": dice[name], "iou": iou[name],
                   "hd95_mm": distance and distance[name],
                   "n": len(rows) - 1, "predicted": len(rows) - 1}
            for name in classes
        },
    }  # fmt: skip


def _case_file(path: Path, classes, rows: list[dict]) -> None:
    columns = [f"{kind}_{name}" for kind in ("dice", "iou", "hd95_mm") for name in classes]
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "id", *columns])
        for split in ("val", "test"):
            for row in rows:
                cells = [row.get(name) for name in columns]
                writer.writerow([split, row["id"], *("" if value is None else f"{value:.4f}"
                                                     for value in cells)])  # fmt: skip


def overlay(path: Path, seed: int = 0, size: tuple[int, int] = (480, 160)) -> Path:
    """Write three panes side by side: a picture, its mask, the predicted mask."""
    from PIL import Image, ImageDraw

    chance = random.Random(seed)
    width, height = size[0] // 3, size[1]
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    x, y = chance.randrange(width // 4, width // 2), chance.randrange(height // 4, height // 2)
    for pane in range(3):
        left = pane * width
        draw.rectangle((left, 0, left + width - 3, height), fill=(40, 40, 46))
        draw.ellipse((left + 20, 12, left + width - 20, height - 12), fill=(120, 120, 124))
        if pane:
            wide = x // 2 + 6 * (pane - 1)
            draw.ellipse((left + x, y, left + x + wide, y + 40), outline=(230, 159, 0), width=3)
            draw.ellipse(
                (left + x, y + 40, left + x + wide, y + 66), outline=(86, 180, 233), width=3
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=80)
    return path


def _overlays(folder: Path, classes, rows, pictures: bool, notice: str, about) -> None:
    items = []
    ranked = sorted(rows[:-1], key=lambda row: -row[f"dice_{classes[0]}"])
    middle = len(ranked) // 2
    picked = [*ranked[:2], *ranked[middle : middle + 2], *ranked[-2:]]
    for index, (row, words) in enumerate(
        zip(picked, ("Best", "Best", "Middle", "Middle", "Worst", "Worst"), strict=False)
    ):
        name = f"pictures/case{index}.jpg"
        if pictures:
            overlay(folder / name, index)
        shown = ", ".join(f"{c} {row.get(f'dice_{c}', 0):.2f}" for c in classes)
        items.append({"picture": name, "caption": f"{words} {index % 2 + 1}: Dice {shown}",
                      "detail": row["id"]})  # fmt: skip
    columns = ["Case", *(f"Dice {name}" for name in classes), "HD95 mm"]
    table = [
        [row["id"], *(row.get(f"dice_{name}") for name in classes),
         row.get(f"hd95_mm_{classes[0]}")] for row in rows
    ]  # fmt: skip
    panels = [
        {"title": "Pixels of each class", "kind": "bars", "labels": classes,
         "series": {"train": [60_000 - 9_000 * i for i in range(len(classes))]}},
        {"title": "Best, middle and worst cases", "kind": "gallery", "section": "results",
         "about": "Left the picture, in the middle the true mask, on the right what the model "
         "marks.", "items": items},
        {"title": "Scores of each case", "kind": "table", "section": "results",
         "columns": columns, "rows": table},
    ]  # fmt: skip
    _write(folder / "panels.json",
           {"format": 1, "notice": notice, "about": about, "panels": panels})  # fmt: skip


def _change(path: Path, **fields: object) -> None:
    _write(path, {**json.loads(path.read_text("utf-8")), **fields})


def _without_distances(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    for split in ("test", "val"):
        metrics[split]["hd95_mm"] = None
        for found in metrics[split]["per_class"].values():
            del found["hd95_mm"]
    _write(run / "metrics.json", metrics)


def _changed_score(**fields: object):
    def change(run: Path) -> None:
        metrics = json.loads((run / "metrics.json").read_text("utf-8"))
        metrics["test"].update(fields)
        _write(run / "metrics.json", metrics)

    return change


def _cases_are(text: str):
    def change(run: Path) -> None:
        (run / "evaluation" / "predictions.csv").write_text(text, "utf-8")

    return change


def _history_of_training_only(run: Path) -> None:
    (run / "history.csv").write_text("epoch,loss,dice\n1,0.9,0.1\n2,0.5,0.6\n", "utf-8")


def _no_scores(run: Path) -> None:
    (run / "metrics.json").unlink()


DAMAGE = {
    "no distances": _without_distances,
    "no scores": _no_scores,
    "no mean": _changed_score(dice={"anterior hippocampus": 0.9}),
    "one number": _changed_score(dice=0.5, iou="x", hd95_mm=[]),
    "no interval": _changed_score(dice_interval=[None, 1], empty=[]),
    "no classes": _changed_score(per_class=None),
    "empty classes": _changed_score(per_class={"a": None, "b": {"dice": None, "n": 0}}),
    "cases without a number": _cases_are("split,id,dice_a,iou_a\ntest,x,,\ntest,y,nan,inf\n"),
    "cases out of range": _cases_are("split,id,dice_a\ntest,x,-1e300\ntest,y,1e300\ntest,z,2\n"),
    "a cut case": _cases_are('split,id,dice_a,dice_b\ntest,x,0.5,0.7\ntest,"y'),
    "history of training only": _history_of_training_only,
}


def damage(run: Path, how: str) -> Path:
    """Spoil the run folder of a segmentation; `how` is a key of `DAMAGE`."""
    DAMAGE[how](run)
    return run
