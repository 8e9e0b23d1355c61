"""The weights that ship with busicli, imported as `busicli.shipped`; each folder has a card."""

CARD_SHA256: dict[str, str] = {
    "improved-unet": "ae26abed1b7a0bb3d490ac00657d84b181e36457ba8630a42bc7b77c45eca15e",
}
"""SHA-256 of each shipped card, so that a changed card is refused."""
