#!/usr/bin/env bash
# Train, export and verify a model on real data that comes with the installation.
# Usage: scripts/demo.sh [vision|all]      (about 3 minutes on two cores, beside the installation)
cd "$(dirname "$0")/.." && . scripts/setup.sh ""
case "${1:-vision}" in
  vision | all) ;;
  *)
    echo "Unknown demo '$1'. Available: vision, all." >&2
    exit 2
    ;;
esac
rm -rf demo/vision
.venv/bin/python scripts/make_digits.py demo/vision/digits
.venv/bin/actzoo run demo/vision/digits --out demo/vision/run --weights none \
  --epochs 30 --export float32,int8
echo
echo "Exported file: demo/vision/run/export/model_int8.tflite"
echo "Report:        demo/vision/run/report.html"
