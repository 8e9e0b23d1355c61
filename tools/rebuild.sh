#!/bin/sh
# Makes the weights that ship and every figure of their card.
#
#   PATH=$PWD/.venv/bin:$PATH sh tools/rebuild.sh Dataset_BUSI_with_GT BUSBRA BrEaST
#
# after make setup. The folders must be called so: citations and titles in the card go by their names.
# Stopped, it resumes where it was when it is called again; what is done is kept in rebuild/.
set -eu
busicli="busicli --settings /dev/null"  # the default settings are the recipe
made="--data rebuild/data --runs rebuild/runs"
recipe="--epochs 60"

# train NAME OPTION...: starts a run, resumes one that was started, leaves one that is finished
train() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    # shellcheck disable=SC2086  # the options are words
    $busicli train $made $recipe --train-on all --name "$@" $resume
}

# score NAME OPTION...: scores into rebuild/eval/NAME what is not scored yet
score() {
    name=$1
    shift
    # shellcheck disable=SC2086
    [ -e "rebuild/eval/$name/metrics.json" ] || $busicli eval $made --out "rebuild/eval/$name" "$@"
}

[ -e rebuild/data/dataset.json ] || $busicli preprocess "$@" --size 192 --out rebuild/data
for fold in 1 2 3 4 5; do
    # shellcheck disable=SC2086
    $busicli train $made $recipe --folds 5 --fold "$fold" --name folds --resume
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
