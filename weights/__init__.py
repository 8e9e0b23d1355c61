"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "efficientnet-lite2": "b9f91defd919869452b5abc94189f72a2215777ffa0737752b40524c9475116c",
    "improved-unet": "89b9096d189bae3ed5dec03ab3af01b56c1525eb1da6dceb543f8921b4082879",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
