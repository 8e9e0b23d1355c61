"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "eec04b6d5fd72435889b5501286f7521e5f9fb9e224bd8b806a2b882d986bc21",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
