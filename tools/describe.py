"""The model card that people read: python tools/describe.py NAME writes weights/NAME/README.md.

Every figure comes from weights/NAME/card.json; the words about use and failures are kept here.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from busicli.inference.openvino import LEAST_DICE, LEAST_MEAN_DICE, masks_agree
from busicli.io.files import atomic_write
from busicli.models.flops import operations
from busicli.models.weights import Card, load_model, read_card

WEIGHTS = Path(__file__).parents[1] / "weights"
Summary = Mapping[str, Any]
COLUMNS = (
    *("", "scans", "Dice per image", "95 % interval", "IoU", "HD95, px"),
    *("missed lesions", "empty masks", "false masks"),
)
USE = """**Not a medical device.** For research, and for sorting and pre-drawing scans that a qualified person then checks, every one. Not for finding or excluding disease, for grading a lesion, for other organs, or for images that are not two-dimensional B-mode scans."""
STAGES = "The last of five stages, each initialized from the weights of the one before (`tools/rebuild.sh`): 60 epochs with strong changes of the scans; 55 with mild ones, and one scan in seven showing only what lies beside its lesion, as a normal scan; 45 with mild ones, but noise, grain and blur as strong as at first, and one scan in twenty showing no lesion; 44 likewise with a wider network, which began as the narrow one; these, with noise twice as strong, more blur, and text burned into every other scan. What ships is the mean of the last two stages' weights."
MISSED = "A lesion is an 8-connected component of the reference mask. It is missed where less than 10 % of it is covered; a mask is empty where nothing is outlined in a scan with a lesion, and false where something is in a normal scan."
LIMITS = """- The scans come from two collections, of a few scanners in two countries; expect less elsewhere. How much less is what training on one collection and scoring on the other shows.
- All scans of BUS-BRA show a lesion and only BUSI has normal ones: how often a normal scan gets a false mask is known least.
- Annotations differ: on near copies in BUSI two annotators' masks agree at Dice 0.85 on average. No figure here can be trusted finer than that.
- Age, ethnicity, breast density and treatment of the patients are not known, nor whether results differ among them.
- Lengths are in pixels: the scans have no scale."""
FAILURES = """Of BUSI's 517 scans with a lesion 68 have a Dice below 0.1 in the cross-validation (50 masks empty, 18 elsewhere). The narrower network of the third stage had 63, of which 57 are among the 68; those 63 were looked through, and are described here without showing a patient's scan:
- **Lymph nodes of the axilla**: eleven of the 63 say AXILLA; healthy tissue there looks much the same.
- **As bright as the tissue around it, or brighter** (iso-echoic and hyperechoic masses, some of them in several scans of one sweep): nothing is outlined.
- **Two candidates**: where several dark areas compete (a second mass, fat lobules, ribs, shadows, the nipple's shadow), the larger or darker one is outlined, and the annotators chose the other.
- **Margins that fade** (malignant lesions without a border, large shadows): nothing is outlined, or the shadow beside it.
- **A few dark lesions with a clear border**, small or at the scan's edge, that should have been found. Size alone is not the reason: 13 of the 63 cover less than a fiftieth of the scan, against 127 of the 517."""


def describe(name: str) -> str:
    """The page of weights that ship."""
    folder = WEIGHTS / name
    card = read_card(folder)
    network = load_model(folder, card)
    size_mb = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    parts = [
        f"# {name}",
        USE,
        "## The network",
        f"Architecture `{card.architecture}`, {network.count_params() / 1e6:.2f} million "
        f"parameters, {(1 + card.tta) * operations(network) / 1e9:.2f} GFLOP a scan "
        f"(2 x multiply-adds){_seen(card)}, input {card.preprocess.size_px} x {card.preprocess.size_px} px ({card.preprocess.aspect}), "
        f"{size_mb:.0f} MB with its exported graph. Options: `{card.options}`.",
        _graph(card),
        "## Data",
        _data(card),
        "## Scores",
        MISSED,
        *(_scores(title, found) for title, found in card.scores.items()),
        "## Where it fails",
        FAILURES,
        "## Limits",
        LIMITS,
        "## Make it again",
        "In a checkout where `make setup` has run, `PATH=$PWD/.venv/bin:$PATH sh tools/rebuild.sh "
        "Dataset_BUSI_with_GT BUSBRA` prepares, trains, scores and ships; it holds the recipe "
        "of these weights. The folders must be called so: citations and titles go by their names. "
        f"`python tools/describe.py {name}` writes this page from `card.json`.",
    ]
    return "\n\n".join(parts) + "\n"


def _seen(card: Card) -> str:
    return " for it and its mirror image together" if card.tta else ""


def _graph(card: Card) -> str:
    """How near the exported graph is to the network."""
    compared = "; ".join(
        f"{found['mean']:.5f} on average and {found['least']:.4f} at least in {precision}, on "
        f"{found['scans']:,} scans"
        for precision, found in card.graph.items()
    )
    others = [precision for precision, found in card.graph.items() if not masks_agree(found)]
    refused = f": {', '.join(others)} is refused" if others else ""
    return (
        f"The exported graph's masks and the network's own have Dice {compared}. The rule for an "
        f"engine is {LEAST_MEAN_DICE} on average and {LEAST_DICE} for each scan{refused}."
    )


def _data(card: Card) -> str:
    training = card.training
    counts = ", ".join(f"{name} ({count} scans)" for name, count in data_sets(card).items())
    initial = f" {STAGES}" if training["init"] else ""
    cited = "".join(f"\n- {name}: {text}" for name, text in training.get("citations", {}).items())
    return (
        f"{counts}; trained on {training['data'].get('trained_on', 'the training split')}, "
        f"{training['settings']['epochs']} epochs.{initial}{cited}"
    )


def data_sets(card: Card) -> dict[str, int]:
    """How many scans each data set has."""
    found: dict[str, int] = card.training["data"]["datasets"]
    return found


def _scores(title: str, metrics: Summary) -> str:
    if "per_image" not in metrics:
        return _of_one_data_set(title, metrics)
    kinds = {
        "data set": "by_dataset",
        "class": "by_class",
        "size of the lesion, share of the scan": "by_size",
        "scanner": "by_device",
        "fold": "by_fold",
    }
    lines = [
        f"### {title[0].upper()}{title[1:]}",
        _protocol(metrics),
        "",
        *_header(),
        _row("all", metrics),
    ]
    for kind, key in kinds.items():
        if len(metrics.get(key, {})) > 1:
            lines += [f"| *{kind}* |" + " |" * (len(COLUMNS) - 1)]
            lines += [_row(name, {"per_image": found}) for name, found in metrics[key].items()]
    return "\n".join(lines) + "\n\n" + _further(metrics)


def _of_one_data_set(title: str, metrics: Summary) -> str:
    """A network that was trained on one data set, scored on the other alone."""
    rows = metrics["by_dataset"].items()
    unseen = [_row(name, {"per_image": found}) for name, found in rows if f" {name} " not in title]
    of = (
        "The settings of the recipe's first stage alone (60 epochs of BUS-BRA, 90 of BUSI: about as many scans); "
        "nothing was chosen on scans: threshold and post-processing are the defaults, which these networks' own cards hold. "
        "Only the data set that they never saw is scored. "
    )
    return "\n".join(
        [f"### {title[0].upper()}{title[1:]}", of + _protocol(metrics), "", *_header(), *unseen]
    )


def _protocol(metrics: Summary) -> str:
    protocol = metrics["protocol"]
    words = protocol if isinstance(protocol, str) else "; ".join(protocol.values())
    mirrored = " A map is the mean of those of the scan and of its mirror image."
    return f"{metrics.get('split', '')}: {words}.{mirrored if metrics.get('tta') else ''}"


def _header() -> list[str]:
    return [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]


def _row(name: str, metrics: Summary) -> str:
    found = metrics["per_image"]
    normals, lesions = found["normals"], found["scans_with_lesion"]
    cells = (
        name,
        found["scans"],
        _figure(found["dice"], "mean", "{:.3f}".format),
        _interval(found["dice"]),
        _figure(found["iou"], "mean", "{:.3f}".format),
        _figure(found["hd95_px"], "mean", "{:.1f}".format),
        f"{found['missed_lesions']} of {found['lesions']}" if found["lesions"] else "",
        f"{found['lesion_scans_with_empty_mask']} of {lesions}" if lesions else "",
        f"{found['normals_with_false_mask']} of {normals}" if normals else "",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _further(metrics: Summary) -> str:
    pooled = ", ".join(f"{name} {value:.4f}" for name, value in metrics["pooled"].items())
    whole = metrics["per_image"]["dice_empty_is_1"]
    text = [
        f"All scans, two empty masks counting as 1: Dice {whole['mean']:.3f} ({_interval(whole)}).",
        f"Pooled over pixels, as the literature does it: {pooled}.",
    ]
    trust = metrics["confidence"]
    if trust["auc"] is not None:
        text.append(
            f"Confidence tells bad masks (Dice below 0.7, empty, false) from good ones with an "
            f"area under the ROC curve of {trust['auc']:.3f}; review is asked for "
            f"{trust['flagged_share']:.1%} of scans and finds {trust['bad_flagged']} of the "
            f"{trust['bad_masks']} bad masks."
        )
    return " ".join(text)


def _figure(interval: Summary, key: str, form: Callable[[float], str]) -> str:
    return "" if interval[key] is None else form(interval[key])


def _interval(interval: Summary) -> str:
    if interval["low"] is None:
        return ""
    return f"{interval['low']:.3f} to {interval['high']:.3f}"


if __name__ == "__main__":
    atomic_write(WEIGHTS / sys.argv[1] / "README.md", describe(sys.argv[1]).encode())
