"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "9f0b06e0a6b2ebd0abee4391e44c74ac117d1bb45cefea3e34edc5549ceb76de",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
