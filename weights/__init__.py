"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "2710e216e5b3b8e038c7c5782c12cc835793eda546b1013e16b24676b5409b5e",
    "phantoms": "58c095188ece15ed6bd3062bb13c5f53c593c8474604a3e56a619e86faea7069",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
