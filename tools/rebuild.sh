#!/bin/sh
# Makes the weights that ship and every figure of their card.
#
#   PATH=$PWD/.venv/bin:$PATH sh tools/rebuild.sh Dataset_BUSI_with_GT BUSBRA BrEaST
#
# after make setup. The folders must be called so: citations and titles in the card go by their names.
# Stopped, it resumes where it was when it is called again; what is done is kept in rebuild/.
set -eu
# shellcheck disable=SC2086,SC2046  # options are words
busicli="busicli --settings /dev/null"
runs="--runs rebuild/runs"
data="--data rebuild/data"
# The second stage goes on from where the first ended; the mean of both is kept.
first="--epochs 60 --set augmentation.body_mark_prob=0"
second="--epochs 12 --learning-rate 0.0005 --set low_res_fraction=0 --set init_weight=0.5"

# train NAME OPTION...: both stages of a network on every scan; resumes, leaves what is finished
train() {
    name=$1
    shift
    stage "$name-first" $first "$@"
    stage "$name" $second --init "rebuild/runs/$name-first/weights" "$@"
}

# stage NAME OPTION...
stage() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    $busicli train $data $runs --train-on all --name "$@" $resume
}

# score NAME OPTION...: scores into rebuild/eval/NAME what is not scored yet
score() {
    name=$1
    shift
    [ -e "rebuild/eval/$name/metrics.json" ] ||
        $busicli eval $data $runs --out "rebuild/eval/$name" "$@"
}

[ -e rebuild/data/dataset.json ] || $busicli preprocess "$@" --size 192 --out rebuild/data
for fold in 1 2 3 4 5; do
    of="--folds 5 --fold $fold --resume"
    $busicli train $data $runs $first $of --name folds-first
    $busicli train $data $runs $second $of --name folds --init rebuild/runs/folds-first
done
score folds --folds 5 --weights rebuild/runs/folds
train improved-unet

# without LEFT-OUT KEPT...: a network that has not seen a data set, scored on it
without() {
    left_out=$1
    shift
    train "without-$left_out" $(printf -- '--dataset %s ' "$@")
    score "without-$left_out" --split all --weights "rebuild/runs/without-$left_out/weights"
}
busi=$(basename "$1") busbra=$(basename "$2") breast=$(basename "$3")
without "$busi" "$busbra" "$breast"
without "$busbra" "$busi" "$breast"
without "$breast" "$busi" "$busbra"
python tools/ship.py rebuild/runs/improved-unet improved-unet \
    "not trained on $busi=rebuild/eval/without-$busi" \
    "not trained on $busbra=rebuild/eval/without-$busbra" \
    "not trained on $breast=rebuild/eval/without-$breast" \
    --cv rebuild/eval/folds
python tools/describe.py improved-unet
