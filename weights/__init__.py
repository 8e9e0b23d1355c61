"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "921b1ec591c548a19dc412b80d7a1b16c038344be2470b6e605f69a26e321c78",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
