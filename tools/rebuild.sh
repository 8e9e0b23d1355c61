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
# Two stages: most epochs on small scans, the last ones larger, from where the first ended.
first="--data rebuild/data192 --epochs 60 --set augmentation.body_mark_prob=0"
last="--data rebuild/data224 --epochs 12 --learning-rate 0.0005 --set low_res_fraction=0"

# train NAME OPTION...: both stages of a network on every scan; resumes, leaves what is finished
train() {
    name=$1
    shift
    stage "$name-first" $first "$@"
    stage "$name" $last --init "rebuild/runs/$name-first/weights" "$@"
}

# stage NAME OPTION...
stage() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    $busicli train $runs --train-on all --name "$@" $resume
}

# score NAME OPTION...: scores into rebuild/eval/NAME what is not scored yet
score() {
    name=$1
    shift
    [ -e "rebuild/eval/$name/metrics.json" ] ||
        $busicli eval $runs --data rebuild/data224 --out "rebuild/eval/$name" "$@"
}

for size in 192 224; do
    [ -e rebuild/data$size/dataset.json ] ||
        $busicli preprocess "$@" --size $size --out rebuild/data$size
done
for fold in 1 2 3 4 5; do
    of="--folds 5 --fold $fold --resume"
    $busicli train $runs $first $of --name folds-first
    $busicli train $runs $last $of --name folds --init rebuild/runs/folds-first
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
