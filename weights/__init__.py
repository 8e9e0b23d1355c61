"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "fa833276623512e03e64e289ad64a9035d961ab0ff96460128201f0e3eccf9ba",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
