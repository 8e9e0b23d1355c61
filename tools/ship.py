"""Make trained weights the ones that ship: python tools/ship.py RUN NAME [--cv CV] [TITLE=EVAL].

RUN is a run that trained on every scan, CV what `busicli eval --folds` found with the same settings
on the same data; its scores and what was chosen there become the card's, for no scan is left to
score RUN on. Further evaluations are added under their titles; that of a network which has not seen
a data set is called "not trained on DATASET", and only its scores on that one are kept. Copies
RUN/weights to weights/NAME and pins the card's hash.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from busicli.io.files import atomic_write, sha256_bytes
from busicli.models.card import Card, card_text
from busicli.models.weights import CARD, PINS, read_card, read_checked
from busicli.training.tuned_settings import read_tuned_settings

WEIGHTS = Path(__file__).parents[1] / "weights"
KEPT = (
    *("split", "protocol", "tta", "pooled", "per_image", "by_class", "by_dataset", "by_size"),
    *("by_device", "by_fold", "lesions_by_size", "failures", "confidence", "presence"),
    *("malignancy", "trade_off", "froc", "without_objections"),
)
KEPT_OF_OTHERS = ("split", "protocol", "tta", "by_dataset", "without_objections")
"""Of a network that was not trained on one data set: that data set's metrics count."""
CITATIONS = {
    "Dataset_BUSI_with_GT": "Al-Dhabyani W., Gomaa M., Khaled H., Fahmy A., Dataset of breast "
    "ultrasound images, Data in Brief 28 (2020) 104863",
    "BUSBRA": "Gómez-Flores W., Gregorio-Calas M. J., Pereira W., BUS-BRA: A Breast Ultrasound "
    "Dataset for Assessing Computer-aided Diagnosis Systems, Medical Physics 51 (2024) 3110",
    "BrEaST": "Pawłowska A. et al., Curated benchmark dataset for ultrasound based breast lesion "
    "analysis, Scientific Data 11 (2024) 148",
}


def ship(run: Path, name: str, crossvalidation: Path | None, others: Mapping[str, Path]) -> None:
    """Copy, complete and pin; refuses scores of another recipe or of other data."""
    source, target = run / "weights", WEIGHTS / name
    card = read_card(source)
    scores = {title: _metrics(evaluation) for title, evaluation in others.items()}
    if crossvalidation:
        metrics = _metrics(crossvalidation)
        _check(card, metrics)
        card = card.with_tuned(read_tuned_settings(crossvalidation))
        scores = {"crossvalidation": metrics} | scores
    cited = {d: CITATIONS[d] for d in card.training["data"]["datasets"] if d in CITATIONS}
    complete = replace(
        card,
        name=name,
        training={**card.training, "citations": cited},
        scores={
            title: {key: found[key] for key in _kept(title) if key in found}
            for title, found in scores.items()
        },
    )
    text = card_text(complete)
    for file in card.files:
        atomic_write(target / file, read_checked(source, card, file))
    atomic_write(target / CARD, text)
    _pin(name, sha256_bytes(text))


def _kept(title: str) -> tuple[str, ...]:
    return KEPT_OF_OTHERS if title.startswith("not trained on ") else KEPT


def _metrics(evaluation: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    return found


def _check(card: Card, metrics: Mapping[str, Any]) -> None:
    """The scores must be those of the recipe that made the weights."""
    same = {
        "data": metrics["data"]["fingerprint"] == card.training["fingerprint"],
        "settings of training": metrics["training"] == card.training["settings"],
        "architecture": metrics["weights"]["architecture"] == card.architecture,
        "options": metrics["weights"]["options"] == card.options,
        "scans": card.training["data"]["trained_on"] == "all scans",
    }
    if different := [what for what, holds in same.items() if not holds]:
        sys.exit(f"the weights and the cross-validation differ in {', '.join(different)}.")


def _pin(name: str, sha256: str) -> None:
    """Write the card's hash into weights/pins.json."""
    pins = json.loads((WEIGHTS / PINS).read_bytes()) | {name: sha256}
    text = json.dumps(pins, indent=1, sort_keys=True) + "\n"
    atomic_write(WEIGHTS / PINS, text.encode())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--cv", type=Path, metavar="CV")
    parser.add_argument("others", nargs="*", metavar="TITLE=EVAL")
    given = parser.parse_args()
    pairs = dict(other.split("=", 1) for other in given.others)
    others = {title: Path(evaluation) for title, evaluation in pairs.items()}
    ship(given.run, given.name, given.cv, others)


if __name__ == "__main__":
    main()
