#!/bin/sh
# Trains and scores the weights that ship, from the two data sets alone, with the recipe in one place:
#
#   PATH=$PWD/.venv/bin:$PATH sh weights/rebuild.sh Dataset_BUSI_with_GT BUSBRA
#
# after make setup. The folders must be called so: citations and titles in the card go by their names.
#
# Runs stand side by side, one a core: two of one thread each are a fifth to a third faster than one of two.
# Stopped, it goes on where it was when it is called again; what is done is kept in rebuild/.
set -eu
busicli="busicli --settings /dev/null"  # the recipe is here alone
busi=$1 busbra=$2
cores=$(getconf _NPROCESSORS_ONLN)
real="--data rebuild/data --runs rebuild/runs"
recipe="--precision bfloat16"
begin="--epochs 60 --setting small_share=0.8"
# then further, with milder changes of the scans: by the end more epochs help, not harder ones
mild="--learning-rate 0.002 --setting small_share=0.7"
for change in rotation_deg=10 shift_fraction=0.06 scale=0.2 stretch=0.1 gamma=0.4 contrast=0.4 \
    brightness=0.1 gain=0.3; do
    mild="$mild --setting augmentation.$change"
done
# a scan in seven shows only what lies beside its lesion: normal scans are rare
fine="--epochs 55 $mild --setting augmentation.beside=0.15"
for change in noise=0.03 grain_px=2 blur_px=0.8; do
    fine="$fine --setting augmentation.$change"
done
# last, noise, grain and blur as strong as at first: without, strange speckle is not borne
last="--epochs 45 $mild --setting augmentation.beside=0.05"
# of one data set alone, so that a network sees about as many scans
only_busi="--epochs 90 --setting small_share=0.8"
only_busbra="--epochs 60 --setting small_share=0.8"
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
    $busicli train $real $recipe $begin --folds 5 --fold {} --name folds --resume
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $fine --init rebuild/runs/folds \
    --folds 5 --fold {} --name fine --resume
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $last --init rebuild/runs/fine \
    --folds 5 --fold {} --name last --resume
score last --folds 5 --weights rebuild/runs/last --tta
score last-plain --folds 5 --weights rebuild/runs/last

train "only-$(basename "$busi")" $real $recipe $only_busi \
    --on all --from "$(basename "$busi")" &
train "only-$(basename "$busbra")" $real $recipe $only_busbra \
    --on all --from "$(basename "$busbra")" &
wait
for one in "$busi" "$busbra"; do
    only=only-$(basename "$one")
    score "$only" --split all --weights "rebuild/runs/$only/weights" --tta
done

train improved-unet $real $recipe $begin --on all
train improved-unet-fine $real $recipe $fine --init rebuild/runs/improved-unet/weights --on all
train improved-unet-last $real $recipe $last --init rebuild/runs/improved-unet-fine/weights \
    --on all --chosen-by rebuild/eval/last
python weights/ship.py rebuild/runs/improved-unet-last improved-unet \
    "without mirror images=rebuild/eval/last-plain" \
    "trained on $(basename "$busi") alone=rebuild/eval/only-$(basename "$busi")" \
    "trained on $(basename "$busbra") alone=rebuild/eval/only-$(basename "$busbra")" \
    --cv rebuild/eval/last
python weights/describe.py improved-unet
