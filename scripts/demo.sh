#!/usr/bin/env bash
# Train, export and verify a model on real data that comes with the installation.
# Usage: scripts/demo.sh [vision|text|medical|all]
# Each takes about 3 minutes on two cores, beside the installation.
cd "$(dirname "$0")/.."
case "${1:-vision}" in
  vision | text | medical) demos="${1:-vision}" ;;
  all) demos="vision text medical" ;;
  *)
    echo "Unknown demo '$1'. Available: vision, text, medical, all." >&2
    exit 2
    ;;
esac
. scripts/setup.sh demo

# demo NAME PRECISION ARGUMENTS...: run on the data in demo/NAME/data.
demo() {
  local name="$1" precision="$2"
  shift 2
  .venv/bin/actzoo run "demo/$name/data" --out "demo/$name/run" --weights none "$@"
  echo
  echo "Exported file: demo/$name/run/export/model_$precision.tflite"
  echo "Report:        demo/$name/run/report.html"
}

for name in $demos; do
  rm -rf "demo/$name"
  case "$name" in
    vision)
      .venv/bin/python scripts/make_digits.py demo/vision/data
      demo vision int8 --epochs 30
      ;;
    text)
      .venv/bin/python scripts/make_docstrings.py demo/text/data
      demo text dynamic --model bert_tiny
      ;;
    medical)
      .venv/bin/python scripts/make_template.py demo/medical/data
      demo medical int8 --epochs 60
      ;;
  esac
done
