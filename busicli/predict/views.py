"""A scan seen in several ways: smaller, mirrored. The mean of their maps errs less than one map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.grey import resized
from busicli.predict.engines import BATCH, Engine, Images, slices
from busicli.settings import Precision


def seen(engine: Engine, zooms: Sequence[float], *, mirror: bool = False) -> Engine:
    """The engine, or one that takes the mean of its maps of each scan at all `zooms`, with `mirror`
    of the mirror images too.

    A zoom is in (0, 1]: at 1 the scan fills the network's square, below it stands in the middle of
    black.
    """
    if tuple(zooms) == (1.0,) and not mirror:
        return engine
    return ViewsEngine(engine, tuple(zooms), mirror)


@dataclass(frozen=True, slots=True)
class ViewsEngine:
    """Another engine's mean over views of each scan; each view costs what the engine costs."""

    engine: Engine
    zooms: tuple[float, ...]
    mirror: bool

    @property
    def name(self) -> str:
        """The other's name, and what is done beside."""
        sizes = [f"at {zoom:g}" for zoom in self.zooms if zoom != 1]
        return ", ".join([self.engine.name, *sizes, *(["mirrored too"] if self.mirror else [])])

    @property
    def precision(self) -> Precision:
        """The other's."""
        return self.engine.precision

    @property
    def batch(self) -> int:
        """The other's."""
        return self.engine.batch

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32 in [0, 1]."""
        parts = [np.zeros(images.shape[:3], np.float32)[:0]]
        for rows in slices(len(images), BATCH):
            plain = np.asarray(images[rows])
            maps = [self._at(plain, zoom) for zoom in self.zooms]
            if self.mirror:
                mirrored = plain[:, :, ::-1]
                maps += [self._at(mirrored, zoom)[:, :, ::-1] for zoom in self.zooms]
            parts.append(np.mean(maps, axis=0, dtype=np.float32))
        return np.concatenate(parts)

    def _at(self, images: NDArray[np.uint8], zoom: float) -> NDArray[np.float32]:
        """The engine's maps of some scans at one zoom, at their own size."""
        if zoom == 1:
            return self.engine.probabilities(images)
        size = images.shape[1]
        edge = round(size * (1 - zoom) / 2)
        inner = slice(edge, size - edge)
        shrunk = np.zeros_like(images)
        for scan, small in zip(images, shrunk, strict=True):
            small[inner, inner] = resized(scan, (size - 2 * edge, size - 2 * edge))
        maps = self.engine.probabilities(shrunk)[:, inner, inner]
        return np.stack([_grown(small, size) for small in maps])


def _grown(small: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    picture = Pillow.fromarray(np.ascontiguousarray(small))
    return np.asarray(picture.resize((size, size), Pillow.Resampling.BILINEAR))
