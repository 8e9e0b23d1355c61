#!/usr/bin/env bash
# A complete example on BUSI: from the downloaded folder to a trained, scored network and its masks.
# Usage: bash examples/busi_session.sh /path/to/Dataset_BUSI_with_GT [epochs]
set -euo pipefail
busi=${1:?give the folder Dataset_BUSI_with_GT}
epochs=${2:-100}

busicli preprocess "$busi" --out data
busicli train --data data --epochs "$epochs" --name busi
busicli eval --data data --split test

# The baseline notebook's model on the same split, for comparison (takes hours on a CPU):
#   busicli train --data data --model unet --epochs "$epochs" --name unet

# Segment with that network; without --weights, with the shipped one
busicli segment-dir "$busi/benign" out --weights runs/busi/weights
# In a pipeline: scans from find, one JSON line per scan
find "$busi/malignant" -name '*.png' -print0 |
    busicli segment-dir - out-malignant -0 --json --weights runs/busi/weights > rows.jsonl
