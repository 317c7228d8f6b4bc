"""Train a text classifier on a table of sentences, with an activation of your choice.

Command: python scripts/train_text.py TABLE RUN [--model M] [--activation A] [--epochs N]
Time: for 8,000 sentences with bert_mini from scratch, about 6 minutes on two cores.
Result: RUN/model.keras, RUN/export/model_dynamic.tflite with its tokenizer.json, RUN/report.html,
and the scores and a few predictions printed.
"""

import argparse

import actzoo
from actzoo import inference
from actzoo.cli import summaries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help=".csv, .tsv, .jsonl or .parquet with text and label")
    parser.add_argument("run", help="folder for the results; must be new or empty")
    parser.add_argument("--model", default="bert_mini", choices=actzoo.list_models("bert*"))
    parser.add_argument("--activation", default="gelu")
    parser.add_argument("--epochs", type=int, help="decided from the amount of data if left out")
    parser.add_argument("--ask", nargs="*", default=[], help="sentences to classify at the end")
    given = parser.parse_args()

    result = actzoo.run(
        given.table,
        out=given.run,
        model=given.model,
        activation=given.activation,
        weights="none",
        epochs=given.epochs,
        export=("float32", "dynamic"),
    )
    test = result.metrics["test"]
    print(f"test accuracy {test['accuracy']:.3f}, macro recall {test['macro_recall']:.3f}")
    print(summaries.verification_table(result.verification, "classification"))
    if given.ask:
        with inference.open_model(result.run.export / "model_dynamic.tflite") as model:
            for answer in model.predict(given.ask):
                print(f"{answer.label} ({answer.probability:.2f}): {answer.id}")


if __name__ == "__main__":
    main()
