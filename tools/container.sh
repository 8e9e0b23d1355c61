#!/bin/sh
# Builds both containers and segments the example scans in each, into a mounted folder without a
# network. Where no container engine runs, it says so and checks nothing.
set -eu
cd "$(dirname "$0")/.."

engine=
for name in podman docker; do
    if "$name" info >/dev/null 2>&1; then engine=$name && break; fi
done
if [ -z "$engine" ]; then
    echo "Neither podman nor docker runs here: the containers were not built and not run."
    exit 0
fi

user=
if [ "$engine" = docker ] && ! docker info --format '{{.SecurityOptions}}' | grep -q rootless; then
    user="--user $(id -u):$(id -g)"
fi
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
"$engine" build --target light -t busicli-light .
"$engine" build -t busicli .
for image in busicli-light busicli; do
    # shellcheck disable=SC2086  # two words or none
    "$engine" run --rm --network none $user -v "$PWD/examples/scans:/scans:ro" \
        -v "$results:/results" "$image" segment-dir /scans "/results/$image"
    masks=$(find "$results/$image/masks" -name '*.png' -user "$(id -u)" | wc -l)
    [ "$masks" = 24 ] || { echo "$image: $masks masks of 24 are yours."; exit 1; }
done
diff -r "$results/busicli-light/masks" "$results/busicli/masks"
echo "Both containers were built with $engine and make the same 24 masks without a network."
