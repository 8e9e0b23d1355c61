#!/bin/sh
# The recipe of the weights that ship, which were trained and scored with release 0.1.0: its network,
# residual-unet, and its settings, as far as this version has them. It was not run again since then.
#
#   PATH=$PWD/.venv/bin:$PATH sh tools/rebuild.sh Dataset_BUSI_with_GT BUSBRA
#
# after make setup. The folders must be called so: citations and titles in the card go by their names.
#
# Runs stand side by side, one a core: two of one thread each are a fifth to a third faster than one of two.
# Stopped, it resumes where it was when it is called again; what is done is kept in rebuild/.
set -eu
busicli="busicli --settings /dev/null"  # the recipe is here alone
busi=$1 busbra=$2
cores=$(getconf _NPROCESSORS_ONLN)
real="--data rebuild/data --runs rebuild/runs"
recipe="--precision bfloat16 --model residual-unet --objected keep --set class_balance=0"
# release 0.1.0 knew none of these
for change in depth_gain=0 speckle_aspect=1 rayleigh_prob=0 sector_prob=0 caliper_prob=0 \
    burned_in_text_prob=0 two_views_prob=0 margin_prob=0 screen_prob=0 low_res_prob=0 jpeg_prob=0; do
    recipe="$recipe --set augmentation.$change"
done
begin="--epochs 60 --set low_res_fraction=0.8"
# then further, with milder changes of the scans: by the end more epochs help, not harder ones
mild="--learning-rate 0.002 --set low_res_fraction=0.7"
for change in rotation_deg=10 shift_fraction=0.06 scale=0.2 stretch=0.1 gamma=0.4 contrast=0.4 \
    brightness=0.1 gain_field=0.3; do
    mild="$mild --set augmentation.$change"
done
# a scan in seven shows only what lies beside its lesion: normal scans are rare
fine="--epochs 55 $mild --set augmentation.lesion_free_crop_prob=0.15"
for change in speckle_std=0.12 speckle_size_px=2 blur_px=0.8; do
    fine="$fine --set augmentation.$change"
done
# then noise, grain and blur as strong as at first: without, strange speckle is not borne
last="--epochs 45 $mild --set augmentation.lesion_free_crop_prob=0.05"
# then wider, made so that it answers as the network before
widths='[16,64,112,192,256]'
wide="--epochs 44 $mild --set low_res_fraction=0.4 --set augmentation.lesion_free_crop_prob=0.05"
# last, what tells one hospital's scans from another's, their speckle, sharpness and text, changed
# strongly; averaged with the stage before, for alone it costs on scans as they are
strange="$mild --set augmentation.speckle_std=0.48 --set augmentation.blur_px=2.0 \
    --set augmentation.burned_in_text_prob=0.5"
average="$strange --learning-rate 0.001 --set low_res_fraction=0 --set init_weight=0.5"
robust="--epochs 11 $average --set augmentation.lesion_free_crop_prob=0.05"
# of one data set alone, so that a network sees about as many scans; the wider stage has the last
# one's changes already
only_busi="--epochs 90 --set low_res_fraction=0.8"
only_busbra="--epochs 60 --set low_res_fraction=0.8"
wide_busi="--epochs 40 $strange --set low_res_fraction=0.5"
wide_busbra="--epochs 24 $strange --set low_res_fraction=0.5"
robust_busi="--epochs 25 $average"
robust_busbra="--epochs 14 $average"
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1

# train NAME OPTION...: starts a run, resumes one that was started, leaves one that is finished
train() {
    [ -e "rebuild/runs/$1/weights/card.json" ] && return
    resume=
    [ -e "rebuild/runs/$1/run.json" ] && resume=--resume
    # shellcheck disable=SC2086  # the options are words
    $busicli train --name "$@" $resume
}

# widen RUN NAME: begins a wider network, or one a fold, that answers as a trained one
widen() {
    [ -e "rebuild/runs/$2" ] ||
        python tools/widen.py "rebuild/runs/$1" "{\"widths\": $widths}" "rebuild/runs/$2"
}

# score NAME OPTION...: scores into rebuild/eval/NAME what is not scored yet
score() {
    name=$1
    shift
    [ -e "rebuild/eval/$name/metrics.json" ] ||
        $busicli eval $real --out "rebuild/eval/$name" "$@"
}

# shellcheck disable=SC2086
[ -e rebuild/data/dataset.json ] || $busicli preprocess "$busi" "$busbra" --size 192 --views whole --out rebuild/data
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $begin --folds 5 --fold {} --name folds --resume
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $fine --init rebuild/runs/folds \
    --folds 5 --fold {} --name fine --resume
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $last --init rebuild/runs/fine \
    --folds 5 --fold {} --name last --resume
widen last wide-begin
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $wide --model-option "widths=$widths" --init rebuild/runs/wide-begin \
    --folds 5 --fold {} --name wide --resume
seq 5 | xargs -P "$cores" -I{} \
    $busicli train $real $recipe $robust --model-option "widths=$widths" --init rebuild/runs/wide \
    --folds 5 --fold {} --name robust --resume
score robust --folds 5 --weights rebuild/runs/robust --tta
score robust-plain --folds 5 --weights rebuild/runs/robust

# alone BUSI|BUSBRA BEGIN WIDE ROBUST: a network of one data set, by the options of three stages
alone() {
    # shellcheck disable=SC2086
    train "only-$1-begin" $real $recipe $2 --train-on all --dataset "$1"
    widen "only-$1-begin/weights" "only-$1-wider"
    # shellcheck disable=SC2086
    train "only-$1-wide" $real $recipe $3 --model-option "widths=$widths" \
        --init "rebuild/runs/only-$1-wider" --train-on all --dataset "$1"
    # shellcheck disable=SC2086
    train "only-$1" $real $recipe $4 --model-option "widths=$widths" \
        --init "rebuild/runs/only-$1-wide/weights" --train-on all --dataset "$1"
}
busi=$(basename "$busi") busbra=$(basename "$busbra")
alone "$busi" "$only_busi" "$wide_busi" "$robust_busi" &
alone "$busbra" "$only_busbra" "$wide_busbra" "$robust_busbra" &
wait
for one in "$busi" "$busbra"; do
    score "only-$one" --split all --weights "rebuild/runs/only-$one/weights" --tta
done

train improved-unet $real $recipe $begin --train-on all
train improved-unet-fine $real $recipe $fine --init rebuild/runs/improved-unet/weights --train-on all
train improved-unet-last $real $recipe $last --init rebuild/runs/improved-unet-fine/weights --train-on all
widen improved-unet-last/weights improved-unet-wide-begin
train improved-unet-wide $real $recipe $wide --model-option "widths=$widths" \
    --init rebuild/runs/improved-unet-wide-begin --train-on all
train improved-unet-robust $real $recipe $robust --model-option "widths=$widths" \
    --init rebuild/runs/improved-unet-wide/weights --train-on all --postprocess-from rebuild/eval/robust
python tools/ship.py rebuild/runs/improved-unet-robust improved-unet \
    "without mirror images=rebuild/eval/robust-plain" \
    "trained on $busi alone=rebuild/eval/only-$busi" \
    "trained on $busbra alone=rebuild/eval/only-$busbra" \
    --cv rebuild/eval/robust
python tools/describe.py improved-unet
