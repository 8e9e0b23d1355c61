"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "8001ae238d7f0d751d81263c40f54a9b01f6050290e5f999de28c079ffa70c5b",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
