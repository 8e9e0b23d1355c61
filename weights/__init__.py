"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {}
"""SHA-256 of each shipped card, so that a changed card is refused."""
