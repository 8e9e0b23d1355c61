"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "15c4bdbb036fe43c8dee5ab9d6790bac5df1a5fe8f8330dc5d65f9cc73087b65",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
