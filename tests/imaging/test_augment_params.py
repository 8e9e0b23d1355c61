from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.imaging.augment import draw_augmentation
from busicli.settings import AugmentSettings
from tests.imaging.made_lesions import NOTHING, OFF


@given(st.integers(0, 2**32 - 1))
def test_draws_stay_within_their_bounds(seed):
    bounds = AugmentSettings()
    params = draw_augmentation(np.random.default_rng(seed), bounds)
    assert abs(params.rotation_deg) <= bounds.rotation_deg
    assert max(map(abs, params.shift)) <= bounds.shift_fraction
    largest = (1 + bounds.scale) * (1 + bounds.stretch) * (1 + 1e-9)
    assert all(1 / largest <= factor <= largest for factor in params.scale)
    assert 1 / (1 + bounds.gamma) <= params.gamma * (1 + 1e-9)
    assert params.gamma <= (1 + bounds.gamma) * (1 + 1e-9)
    assert abs(params.contrast - 1) <= bounds.contrast + 1e-9
    assert abs(params.brightness) <= bounds.brightness
    assert 0 <= params.speckle_std <= bounds.speckle_std
    assert 0 <= params.blur_px <= bounds.blur_px


def test_one_state_of_the_generator_gives_one_change():
    first, again, other = (
        draw_augmentation(np.random.default_rng(seed), AugmentSettings()) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_settings_of_nothing_change_nothing():
    params = draw_augmentation(np.random.default_rng(0), OFF)
    assert replace(params, seed=0) == NOTHING


def test_text_is_written_on_the_share_that_is_asked_for():
    drawn = [
        draw_augmentation(
            np.random.default_rng(seed), replace(OFF, burned_in_text_prob=0.3)
        ).burned_in_text
        for seed in range(400)
    ]
    # Of 400 draws at 0.3 the standard deviation is 9.2: four of them.
    assert 83 <= sum(drawn) <= 157


def test_a_screen_takes_the_position_of_margins():
    settings = replace(OFF, margin_prob=1, screen_prob=1)
    params = draw_augmentation(np.random.default_rng(0), settings)
    assert params.screen is not None
    assert params.margin is None


@given(st.integers(0, 2**32 - 1))
def test_rectangles_lie_within_the_image(seed):
    for settings in (replace(OFF, margin_prob=1), replace(OFF, screen_prob=1)):
        params = draw_augmentation(np.random.default_rng(seed), settings)
        position = params.margin or params.screen
        assert position is not None
        assert 0.45 <= position.height <= 1
        assert 0.45 <= position.width <= 1
        assert 0 <= position.top <= 1 - position.height
        assert 0 <= position.left <= 1 - position.width
        assert position.height * position.width < 1


@pytest.mark.parametrize(
    "name", ["rayleigh", "sector", "calipers", "two_views", "margin", "screen", "jpeg_quality"]
)
def test_each_kind_is_drawn_always_at_1_and_never_at_0(name):
    kind = {"calipers": "caliper", "jpeg_quality": "jpeg"}.get(name, name)
    for probability in (0, 1):
        settings = replace(OFF, **{f"{kind}_prob": probability})
        drawn = [
            getattr(draw_augmentation(np.random.default_rng(seed), settings), name)
            for seed in range(20)
        ]
        assert [value not in (None, False) for value in drawn] == [probability == 1] * 20


def test_half_of_the_scans_are_shown_without_any_screen():
    drawn = [
        draw_augmentation(np.random.default_rng(seed), AugmentSettings()) for seed in range(400)
    ]
    kinds = ("sector", "calipers", "burned_in_text", "body_mark", "two_views", "margin", "screen")
    plain = sum(not any(getattr(params, kind) for kind in kinds) for params in drawn)
    # 0.96 * 0.85 * 0.85 * 0.88 * 0.96 * 0.92 * 0.92 = 0.496; the standard deviation of 400 draws
    # is 10.
    assert 158 <= plain <= 238
