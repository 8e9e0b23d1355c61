"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "8f899b1d557ab2c8a30c230ad74c6a8d70d62ad30c685c8f6d65c5f1ed79c119",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
