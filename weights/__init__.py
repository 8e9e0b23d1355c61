"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "ec016680d39e4fb1c88d2c144979b836b57290a3c00fe4f80a6282c0013e6f42",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
