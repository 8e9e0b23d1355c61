"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "55b5028cdb4c6e8aea7c7f401d04816b99791c6044f31f217f27fd3d7ce25a30",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
