#!/usr/bin/env bash
# A whole session on BUSI: from the downloaded folder to a trained, scored network and its masks.
# Usage: bash examples/busi_session.sh /path/to/Dataset_BUSI_with_GT [epochs]
set -euo pipefail
busi=${1:?give the folder Dataset_BUSI_with_GT}
epochs=${2:-100}

busicli preprocess "$busi" --out data
busicli train --data data --epochs "$epochs" --name busi
busicli eval --data data --split test

# The baseline notebook's own model under the same split, for comparison (hours on a CPU):
#   busicli train --data data --model unet --epochs "$epochs" --name unet

# With that network; without --weights, the one that ships
busicli segment-dir "$busi/benign" out --weights runs/busi/weights
# In a pipeline: scans from find, one JSON line a scan
find "$busi/malignant" -name '*.png' -print0 |
    busicli segment-dir - out-malignant -0 --json --weights runs/busi/weights > rows.jsonl
