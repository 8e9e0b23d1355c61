"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "a601857bafa419216ab74db9bf5afea2b3a929f6949e153a8d16f42bd5eefbe7",
    "phantoms": "58c095188ece15ed6bd3062bb13c5f53c593c8474604a3e56a619e86faea7069",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
