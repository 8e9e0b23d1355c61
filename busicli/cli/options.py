"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="Folder that preprocess wrote.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of training runs.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=-1, help="Workers; -1 uses every core, 1 starts none.")
]
Plugin = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Python file with an architecture; repeatable."),
]
WeightsSha256 = Annotated[
    str | None,
    typer.Option("--weights-sha256", help="Refuse the weights unless their card has this SHA-256."),
]
Tta = Annotated[
    bool, typer.Option("--tta", help="Average with the mirror image's map; twice the time.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
