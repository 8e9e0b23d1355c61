"""Which scored scans the weights have trained on, by their card's list of training scans."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from busicli.errors import InputError
from busicli.imaging.similarity import grayscale, hash_distances, perceptual_hash
from busicli.io.files import sha256_bytes
from busicli.io.output_paths import own_folder
from busicli.models.card import Card, parse_card
from busicli.models.weights import CARD
from busicli.types import Case, Image

NEAR_COPY_BITS = 10
"""Differing bits of 64 up to which two perceptual hashes count as near copies: on BUSI it finds
86 % of the pairs that grouping finds from the pixels, and 2 % of scans have one too many."""

ScanHashes = tuple[str, str]
"""pixels_sha256 and perceptual hash of a scan, as in `Fingerprint`."""


def scan_hashes(scan: Image) -> ScanHashes:
    """The hashes of a decoded (rows, columns, 3) scan."""
    pixels = sha256_bytes(f"{scan.shape}".encode(), np.ascontiguousarray(scan).data)
    return pixels, perceptual_hash(grayscale(scan))


def hashes_of(cases: Sequence[Case]) -> list[ScanHashes | None]:
    """The hashes of prepared scans."""
    return [(case.fingerprint.pixels_sha256, case.fingerprint.phash) for case in cases]


def seen_by(card: Card, scans: Sequence[ScanHashes | None]) -> list[str]:
    """For each scan `same`, `near copy` or nothing; nothing too where its hashes are unknown."""
    known = [hashes for hashes in scans if hashes is not None]
    if not card.training_scans or not known:
        return [""] * len(scans)
    trained = {pixels for pixels, _ in card.training_scans}
    theirs = [phash for _, phash in card.training_scans]
    nearest = iter(hash_distances([phash for _, phash in known], theirs).min(axis=1))
    return [_seen(hashes, trained, int(next(nearest))) if hashes else "" for hashes in scans]


def card_of_masks(folder: Path) -> Card | None:
    """The card of the weights that made the masks in a folder of a run, or below one.

    None where busicli did not make them, or none knows with what. Raises InputError where the card
    is damaged.
    """
    whole = folder.resolve()
    cards = (own_folder(out) / CARD for out in (whole, *whole.parents))
    path = next((path for path in cards if path.is_file()), None)
    if path is None:
        return None
    try:
        return parse_card(path.read_bytes())[0]
    except InputError as error:
        raise InputError(
            f"{path} is damaged or of another version; run segment-dir again."
        ) from error


def _seen(hashes: ScanHashes, trained: set[str], nearest_bits: int) -> str:
    if hashes[0] in trained:
        return "same"
    return "near copy" if nearest_bits <= NEAR_COPY_BITS else ""
