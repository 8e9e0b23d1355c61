"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "2710e216e5b3b8e038c7c5782c12cc835793eda546b1013e16b24676b5409b5e",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
