"""Make trained weights the ones that ship: python weights/ship.py RUN EVALUATION DATA NAME.

Copies RUN/weights to weights/NAME, adds the scores of EVALUATION/metrics.json (made by
`busicli eval` with those weights) to the card, and pins the card's hash. Beside it goes
`split.csv`, the split of DATA without a picture, so that anyone who has the data sets can prepare
the same test split with `busicli preprocess --split-from` and score it again.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from busicli.dataset.store import open_data
from busicli.files import sha256_bytes, sha256_file, write_whole
from busicli.records import Case
from busicli.weights import CARD, NUMBERS, read_card, read_numbers

HERE = Path(__file__).parent
SPLIT = "split.csv"
CITATIONS = {
    "Dataset_BUSI_with_GT": "Al-Dhabyani W., Gomaa M., Khaled H., Fahmy A., Dataset of breast "
    "ultrasound images, Data in Brief 28 (2020) 104863",
    "BUSBRA": "Gómez-Flores W., Gregorio-Calas M. J., Pereira W., BUS-BRA: A Breast Ultrasound "
    "Dataset for Assessing Computer-aided Diagnosis Systems, Medical Physics 51 (2024) 3110",
}


def ship(run: Path, evaluation: Path, data: Path, name: str) -> None:
    """Copy, complete and pin; refuses scores that were made with other weights."""
    source, target = run / "weights", HERE / name
    card = read_card(source)
    read_numbers(source, card)  # refuses a damaged copy
    metrics = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    if metrics["weights"]["card_sha256"] != sha256_file(source / CARD):
        sys.exit(f"{evaluation} scored other weights than {source}; run busicli eval again.")
    prepared = open_data(data)
    if prepared.fingerprint != card.training["fingerprint"]:
        sys.exit(f"{data} is not what {run} was trained on; name that data folder.")
    split = _split_table(prepared.cases)
    cited = {d: CITATIONS[d] for d in card.training["data"]["datasets"] if d in CITATIONS}
    kept = ("protocol", "pooled", "per_image", "by_class", "by_dataset", "seen")
    complete = replace(
        card,
        name=name,
        training={**card.training, "citations": cited},
        files={**card.files, SPLIT: sha256_bytes(split)},
        scores={**card.scores, metrics["split"]: {key: metrics[key] for key in kept}},
    )
    text = (json.dumps(asdict(complete), indent=1, ensure_ascii=False) + "\n").encode()
    write_whole(target / NUMBERS, (source / NUMBERS).read_bytes())
    write_whole(target / SPLIT, split)
    write_whole(target / CARD, text)
    _pin(name, sha256_bytes(text))


def _split_table(cases: Sequence[Case]) -> bytes:
    rows = sorted((c.dataset, c.case, c.label, c.split, c.print.pixels_sha256) for c in cases)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("dataset", "case", "class", "split", "pixels_sha256"))
    writer.writerows(rows)
    return text.getvalue().encode()


def _pin(name: str, sha256: str) -> None:
    """Write the hash into the package's table of pinned cards."""
    module = HERE / "__init__.py"
    source = module.read_text(encoding="utf-8")
    table = dict(re.findall(r'^    "(.+)": "([0-9a-f]{64})",$', source, re.MULTILINE))
    table[name] = sha256
    lines = "".join(f'    "{key}": "{value}",\n' for key, value in sorted(table.items()))
    start = source.index("CARD_SHA256")
    end = source.index("}\n", start) + 2
    pinned = f"CARD_SHA256: dict[str, str] = {{\n{lines}}}\n"
    write_whole(module, (source[:start] + pinned + source[end:]).encode())


if __name__ == "__main__":
    ship(*map(Path, sys.argv[1:4]), sys.argv[4])
