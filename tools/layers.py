"""Writes CONTRIBUTING.md's table of rooms and layers: python tools/layers.py.

The layers come from the import contract in pyproject.toml, what each room holds from the first line
of its docstring.
"""

import ast
import tomllib
from pathlib import Path

from marked import replace_marked

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
PLUGINS = "plugins"
"""A room that stands beside the package."""


def page() -> str:
    """CONTRIBUTING.md with its table renewed."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    lines = ["| layer | room | what it holds |", "|---|---|---|"]
    for number, layer in enumerate(layers, start=1):
        for room in layer.split(" | "):
            name = room.strip("()")
            lines.append(f"| {number} | `{name}` | {_first_line(name)} |")
    return replace_marked(PAGE, "layers", "\n".join(lines) + "\n")


def _first_line(room: str) -> str:
    folder = ROOT / PLUGINS if room == PLUGINS else ROOT / "busicli" / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
