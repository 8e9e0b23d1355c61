#!/bin/sh
# Trains and scores the weights that ship, from the two data sets alone, with the recipe in one place:
#
#   sh weights/rebuild.sh BUSI BUSBRA
#
# Runs stand side by side, one a core: two of one thread each are a fifth to a third faster than one of two.
# Stopped, it goes on where it was when it is called again; what is done is kept in rebuild/.
set -eu
busicli="busicli --settings /dev/null"  # the recipe is here alone
busi=$1 busbra=$2
cores=$(getconf _NPROCESSORS_ONLN)
real="--data rebuild/data --runs rebuild/runs"
recipe="--precision bfloat16 --setting small_share=0.8"
epochs=60
# of one data set alone, so that a network sees about as many scans
epochs_busi=100
epochs_busbra=70
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1

# train NAME OPTION...: begins a run, goes on with one that was begun, leaves one that is finished
train() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    # shellcheck disable=SC2086  # the options are words
    $busicli train --name "$@" $resume
}

# score NAME OPTION...: scores into rebuild/eval/NAME what is not scored yet
score() {
    name=$1
    shift
    [ -e "rebuild/eval/$name/metrics.json" ] ||
        $busicli eval $real --out "rebuild/eval/$name" "$@"
}

# shellcheck disable=SC2086
[ -e rebuild/data/dataset.json ] || $busicli preprocess "$busi" "$busbra" --size 192 --out rebuild/data
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe --epochs $epochs --folds 5 --fold {} --name folds --resume
score folds --folds 5 --weights rebuild/runs/folds
score folds-mirrored --folds 5 --weights rebuild/runs/folds --tta

train "only-$(basename "$busi")" $real $recipe --epochs $epochs_busi \
    --on all --from "$(basename "$busi")" &
train "only-$(basename "$busbra")" $real $recipe --epochs $epochs_busbra \
    --on all --from "$(basename "$busbra")" &
wait
for one in "$busi" "$busbra"; do
    only=only-$(basename "$one")
    score "$only" --split all --weights "rebuild/runs/$only/weights"
done

train improved-unet $real $recipe --epochs $epochs --on all --chosen-by rebuild/eval/folds
python weights/ship.py rebuild/runs/improved-unet improved-unet \
    "mirrored too=rebuild/eval/folds-mirrored" \
    "trained on $(basename "$busi") alone=rebuild/eval/only-$(basename "$busi")" \
    "trained on $(basename "$busbra") alone=rebuild/eval/only-$(basename "$busbra")" \
    --cv rebuild/eval/folds
python weights/describe.py improved-unet
