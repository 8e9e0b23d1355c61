"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "f05f8736b8b7390b31cb4a7f957ac114a803191a2859da5a37d7339e7b9ad669",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
