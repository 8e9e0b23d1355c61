"""Near copies: scans of one sweep, or one image stored twice. Arrays only.

The rule is that of `near_copies`; on BUSI it joins 334 of 780 scans into 145 groups.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from busicli.imaging.arrays import grey_channel
from busicli.types import Image

THUMBNAIL_PX = 64
_HASHED_PX = 32
ALIKE_CORRELATION = 0.9
HASH_DISTANCE = 8
HASH_CORRELATION = 0.8
_ROWS_AT_ONCE = 1024


def grayscale(scan: Image) -> NDArray[np.uint8]:
    """The (rows, columns, 3) scan as (rows, columns) uint8 luminance, for the functions below."""
    grey = grey_channel(scan)
    return np.asarray(Pillow.fromarray(scan).convert("L")) if grey is None else grey


def perceptual_hash(grey: NDArray[np.uint8]) -> str:
    """The pHash of the coarse structure: 64 bits as 16 hexadecimal digits.

    Each bit says whether one of the 8 x 8 lowest frequencies of the cosine transform exceeds their
    median. Zauner (2010), Implementation and benchmarking of perceptual image hash functions.
    """
    size = (_HASHED_PX, _HASHED_PX)
    small = np.asarray(Pillow.fromarray(grey).resize(size, Pillow.Resampling.LANCZOS), float)
    lowest = dctn(small)[:8, :8]
    return np.packbits(lowest > np.median(lowest)).tobytes().hex()


def thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The image as (4096,) float32 with mean 0 and norm 1, so that products are correlations.

    An image of one grey has no structure to compare and becomes zeros.
    """
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = np.asarray(Pillow.fromarray(grey).resize(size, Pillow.Resampling.BOX))
    values = small.astype(np.float32).ravel()
    values -= values.mean()
    length = float(np.linalg.norm(values))
    return values / np.float32(length) if length > 0 else values


def hash_distances(one: Sequence[str], other: Sequence[str]) -> NDArray[np.int64]:
    """Differing bits of every pair of hashes: (len(one), len(other)) int64 in 0..64."""
    a, b = _signs(one), _signs(other)
    return np.rint((64 - a @ b.T) / 2).astype(np.int64)


def near_copies(
    thumbnails: NDArray[np.float32], hashes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index pairs (i, j), i < j, of scans that are near copies.

    Correlation of the thumbnails above 0.9, or above 0.8 with at most 8 differing hash bits.
    """
    firsts, seconds = [], []
    for start in range(0, len(thumbnails), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        correlation = thumbnails[rows] @ thumbnails.T
        close = hash_distances(hashes[rows], hashes) <= HASH_DISTANCE
        alike = (correlation > ALIKE_CORRELATION) | (close & (correlation > HASH_CORRELATION))
        first, second = np.nonzero(alike)
        later = second > first + start
        firsts.append(first[later] + start)
        seconds.append(second[later])
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *firsts]), np.concatenate([empty, *seconds])


def join_groups(
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Group numbers (N,) from near copies and from equal labels (patients); "" joins nothing.

    Numbers count from 0 in the order in which groups first appear.
    """
    first_of: dict[str, int] = {}
    links = [(first_of.setdefault(label, i), i) for i, label in enumerate(labels) if label]
    rows = np.concatenate([pairs[0], np.array([a for a, _ in links], np.int64)])
    columns = np.concatenate([pairs[1], np.array([b for _, b in links], np.int64)])
    count = len(labels)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[inverse].astype(np.int64)


def _signs(hashes: Sequence[str]) -> NDArray[np.float32]:
    bits = [np.unpackbits(np.frombuffer(bytes.fromhex(h), np.uint8)) for h in hashes]
    return np.array(bits, np.float32).reshape(len(hashes), 64) * 2 - 1
