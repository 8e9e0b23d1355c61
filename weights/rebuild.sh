#!/bin/sh
# Trains and scores the weights that ship, from the two data sets alone, with a recipe in one place:
#
#   sh weights/rebuild.sh BUSI BUSBRA
#
# Fold by fold; stopped, it goes on where it was when it is called again. On two cores it takes
# about as many hours as there are folds; what is done is kept in rebuild/.
set -eu
busi=$1 busbra=$2
recipe="--epochs 40 --precision bfloat16"
here="--data rebuild/data --runs rebuild/runs"

# goes on with a run that was begun, begins one that was not, leaves one that is finished
train() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    # shellcheck disable=SC2086  # the options are words
    busicli train $here $recipe --name "$@" $resume
}

[ -e rebuild/data/dataset.json ] || busicli preprocess "$busi" "$busbra" --out rebuild/data
# shellcheck disable=SC2086
busicli train $here $recipe --folds 5 --name folds --resume
# shellcheck disable=SC2086
busicli eval $here --folds 5 --weights rebuild/runs/folds --out rebuild/eval/folds

for one in "$busi" "$busbra"; do
    name=$(basename "$one")
    train "only-$name" --from "$name"
    # shellcheck disable=SC2086
    busicli eval $here --split all --weights "rebuild/runs/only-$name/weights" \
        --out "rebuild/eval/only-$name"
done

train improved-unet --on all --chosen-by rebuild/eval/folds
python weights/ship.py rebuild/runs/improved-unet rebuild/eval/folds improved-unet \
    "trained on $(basename "$busi") alone=rebuild/eval/only-$(basename "$busi")" \
    "trained on $(basename "$busbra") alone=rebuild/eval/only-$(basename "$busbra")"
