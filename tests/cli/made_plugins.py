"""A plugin that is sound, and tables as they are printed."""

GOOD = """
from busicli.models.architecture import Architecture


def build(input_shape, *, filters=4):
    import keras

    scan = keras.Input(input_shape)
    x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(scan)
    return keras.Model(scan, keras.layers.Conv2D(1, 1, activation="sigmoid")(x))


ARCHITECTURE = Architecture(
    name="{name}", summary="Two layers.", source="a test", build=build, options={{"filters": 4}}
)
"""


def table(text: str) -> dict[str, list[str]]:
    """A shown table's rows by their first cell; a cell folded over lines is joined."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith("│"):
            continue
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
    return {row[0]: row[1:] for row in rows}
