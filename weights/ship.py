"""Make trained weights the ones that ship: python weights/ship.py RUN EVALUATION NAME.

Copies RUN/weights to weights/NAME, adds the scores of EVALUATION/metrics.json (made by
`busicli eval` with those weights) to the card, and pins the card's hash.
"""

import json
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

from busicli.files import sha256_bytes, sha256_file, write_whole
from busicli.weights import CARD, NUMBERS, read_card, read_numbers

HERE = Path(__file__).parent
CITATIONS = {
    "Dataset_BUSI_with_GT": "Al-Dhabyani W., Gomaa M., Khaled H., Fahmy A., Dataset of breast "
    "ultrasound images, Data in Brief 28 (2020) 104863",
    "BUSBRA": "Gómez-Flores W., Gregorio-Calas M. J., Pereira W., BUS-BRA: A Breast Ultrasound "
    "Dataset for Assessing Computer-aided Diagnosis Systems, Medical Physics 51 (2024) 3110",
}


def ship(run: Path, evaluation: Path, name: str) -> None:
    """Copy, complete and pin; refuses scores that were made with other weights."""
    source, target = run / "weights", HERE / name
    card = read_card(source)
    read_numbers(source, card)  # refuses a damaged copy
    metrics = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    if metrics["weights"]["card_sha256"] != sha256_file(source / CARD):
        sys.exit(f"{evaluation} scored other weights than {source}; run busicli eval again.")
    cited = {d: CITATIONS[d] for d in card.training["data"]["datasets"] if d in CITATIONS}
    kept = ("protocol", "pooled", "per_image", "by_class", "by_dataset", "seen")
    complete = replace(
        card,
        name=name,
        training={**card.training, "citations": cited},
        scores={**card.scores, metrics["split"]: {key: metrics[key] for key in kept}},
    )
    text = (json.dumps(asdict(complete), indent=1, ensure_ascii=False) + "\n").encode()
    write_whole(target / NUMBERS, (source / NUMBERS).read_bytes())
    write_whole(target / CARD, text)
    _pin(name, sha256_bytes(text))


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
    ship(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
