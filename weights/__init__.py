"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "efficientnet-lite2": "b9f91defd919869452b5abc94189f72a2215777ffa0737752b40524c9475116c",
    "improved-unet": "fb8eb04569afce0dec47fbd5e2ed5116ba37ca9efa20e52b787adb192135440e",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
