"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "5d64e3156fbbafee86637fc21e5c294c7f6137a8ff0d8666d3b4e0cf7b1ef2df",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
