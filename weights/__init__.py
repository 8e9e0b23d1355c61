"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "efficientnet-lite2": "b9f91defd919869452b5abc94189f72a2215777ffa0737752b40524c9475116c",
    "improved-unet": "9073a0f251ce3bc4612e98f47e674a7e750b71b19f98a40836ffa2bc0c37c907",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
