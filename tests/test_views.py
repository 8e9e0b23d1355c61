"""Scans seen smaller and mirrored: maps land where they belong, and their mean is taken."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.predict import seen
from busicli.settings import Choices


@dataclass
class Brightness:
    """A network whose map is the scan's own brightness; remembers what it was shown."""

    name: str = "brightness"
    precision: str = "float32"
    batch: int = 1
    shown: list = field(default_factory=list)

    def probabilities(self, images):
        self.shown.append(images)
        return images[..., 0].astype(np.float32) / 255


@pytest.fixture
def scan():
    """(1, 64, 64, 3) with a bright block left of and above the middle."""
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 10:26, 6:30] = 255
    return image


def test_plain_views_are_the_engine_itself():
    engine = Brightness()
    assert seen(engine, (1.0,)) is engine
    assert seen(engine, (1.0,), mirror=True) is not engine


@pytest.mark.parametrize("zoom", [0.5, 0.7, 0.85])
def test_a_smaller_view_is_mapped_back_to_where_it_was(scan, zoom):
    engine = Brightness()
    found = seen(engine, (zoom,)).probabilities(scan)
    assert found.shape == (1, 64, 64)
    assert found.dtype == np.float32
    assert ((found[0] > 0.5) == (scan[0, ..., 0] > 0)).mean() > 0.99
    (shown,) = engine.shown
    assert shown.shape == scan.shape
    edge = round(32 * (1 - zoom))
    assert not shown[:, :edge].any()  # it stands in the middle of black
    assert shown.sum() / scan.sum() == pytest.approx(zoom**2, rel=0.1)


def test_the_mean_is_taken_over_all_views_and_the_scan_stays(scan):
    before = scan.copy()
    engine = Brightness()
    found = seen(engine, (1.0, 0.8), mirror=True).probabilities(scan)
    alone = [seen(Brightness(), (zoom,)).probabilities(scan) for zoom in (1.0, 0.8)]
    assert np.allclose(found, np.mean(alone, axis=0), atol=1e-2)
    assert len(engine.shown) == 4
    assert np.array_equal(scan, before)
    mirrored = seen(engine, (1.0, 0.8), mirror=True).probabilities(scan[:, :, ::-1])
    assert np.allclose(mirrored[:, :, ::-1], found, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_any_number_of_scans_gets_as_many_maps(scan, count):
    scans = np.repeat(scan, count, axis=0)
    found = seen(Brightness(), (1.0, 0.85)).probabilities(scans)
    assert found.shape == (count, 64, 64)
    if count:
        assert np.array_equal(found, np.repeat(found[:1], count, axis=0))


def test_the_name_tells_the_views():
    assert seen(Brightness(), (1.0, 0.85), mirror=True).name == "brightness, at 0.85, mirrored too"


@pytest.mark.parametrize("zooms", [(), (0.0,), (1.0, 1.2)])
def test_a_zoom_out_of_range_is_refused(zooms):
    with pytest.raises(InputError, match="zoom"):
        Choices(zooms=zooms)
