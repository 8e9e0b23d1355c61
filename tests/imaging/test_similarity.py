import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from busicli.imaging.similarity import (
    grayscale,
    hash_distances,
    join_groups,
    near_copies,
    perceptual_hash,
    thumbnail,
)
from busicli.io.images import decode_scan

NO_PAIRS = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def phantoms(scans, count: int = 6) -> list[np.ndarray]:
    found = sorted(p for p in scans.rglob("*.png") if "_mask" not in p.stem)
    return [grayscale(decode_scan(path.read_bytes())) for path in found[:count]]


def pairs_among(images) -> list[tuple[int, int]]:
    thumbnails = np.stack([thumbnail(image) for image in images])
    first, second = near_copies(thumbnails, [perceptual_hash(image) for image in images])
    return list(zip(first.tolist(), second.tolist(), strict=True))


def test_a_thumbnail_correlates_fully_with_itself_and_against_its_negative():
    grey = np.random.default_rng(0).integers(0, 256, (90, 130)).astype(np.uint8)
    plain, negative = thumbnail(grey), thumbnail(255 - grey)
    assert plain.shape == (4096,)
    assert plain.dtype == np.float32
    np.testing.assert_allclose([plain @ plain, plain @ negative], [1, -1], atol=1e-3)


def test_brightness_and_contrast_do_not_matter():
    scan = np.random.default_rng(0).integers(0, 100, (64, 64)).astype(np.uint8)
    np.testing.assert_allclose(thumbnail(scan) @ thumbnail(2 * scan + 20), 1, atol=1e-5)


def test_an_image_of_one_grey_is_like_nothing():
    plain = np.full((20, 30), 99, np.uint8)
    assert not thumbnail(plain).any()
    assert pairs_among([plain, plain]) == []


def test_a_hash_has_sixteen_hexadecimal_digits(scans):
    for scan in phantoms(scans):
        assert len(bytes.fromhex(perceptual_hash(scan))) == 8


def test_an_image_of_one_grey_has_only_the_lowest_frequency():
    # 1 of 64 coefficients is above the median of 0: 1000 0000 ...; of a black image none is.
    assert perceptual_hash(np.full((20, 30), 99, np.uint8)) == "8" + "0" * 15
    assert perceptual_hash(np.zeros((20, 30), np.uint8)) == "0" * 16


def test_an_image_brighter_at_the_left_has_odd_frequencies_along_the_rows():
    # A falling ramp of equal rows has cosines along the row alone: the constant and the odd ones
    # 1, 3, 5, 7 are above 0, the even ones are 0 up to rounding: 11?1 ?1?1 and seven rows of 0.
    ramp = np.tile(np.arange(31, -1, -1, dtype=np.uint8) * 8, (32, 1))
    first_row = int(perceptual_hash(ramp)[:2], 16)
    assert first_row & 0b11010101 == 0b11010101


def test_distances_count_differing_bits():
    # f is 1111, 7 is 0111, 0 is 0000.
    found = hash_distances(["0" * 16, "f" * 16], ["0" * 16, "7" + "0" * 15, "f" * 16])
    assert found.tolist() == [[0, 3, 64], [64, 61, 0]]


def test_different_scans_are_no_copies(scans):
    assert pairs_among(phantoms(scans)) == []


def test_a_copy_stored_smaller_cropped_or_brighter_is_found(scans):
    first, *others = phantoms(scans)
    smaller, cropped = first[::2, ::2], first[4:-4, 4:-4]
    brighter = np.minimum(first.astype(int) + 10, 255).astype(np.uint8)
    found = pairs_among([first, *others, smaller, cropped, brighter])
    copies = [0, *range(1 + len(others), 4 + len(others))]
    assert found == sorted(itertools.combinations(copies, 2))


def test_the_rule_is_one_high_correlation_or_a_lower_one_with_close_hashes():
    # Unit vectors at known angles: correlation of 0 with 1 is 0.85, with 2 is 0.95, 1 with 2 0.64.
    def at(cosine: float, sine_sign: int) -> list[float]:
        return [cosine, sine_sign * (1 - cosine**2) ** 0.5]

    thumbnails = np.array([[1, 0], at(0.85, 1), at(0.95, -1)], np.float32)
    near, far = "0" * 14 + "ff", "0" * 13 + "1ff"  # 8 and 9 bits from zero
    zero = "0" * 16

    def found(*hashes: str) -> list[list[int]]:
        return np.transpose(near_copies(thumbnails, hashes)).tolist()

    assert found(zero, far, far) == [[0, 2]]
    assert found(zero, near, far) == [[0, 1], [0, 2]]
    assert found(zero, zero, zero) == [[0, 1], [0, 2]]


def test_pairs_are_found_across_blocks_of_rows():
    # More rows than one block holds; scans 3 and 1500 are the same, all others unlike.
    thumbnails = np.zeros((1600, 2), np.float32)
    thumbnails[[3, 1500]] = [0.6, 0.8]
    first, second = near_copies(thumbnails, ["0" * 16] * 1600)
    assert (first.tolist(), second.tolist()) == ([3], [1500])


def test_pairs_join_into_chains():
    pairs = (np.array([0, 2]), np.array([2, 4]))
    assert join_groups(pairs, [""] * 5).tolist() == [0, 1, 0, 2, 0]


def test_equal_labels_join_and_empty_ones_do_not():
    assert join_groups(NO_PAIRS, ["b", "", "a", "", "b"]).tolist() == [0, 1, 2, 3, 0]


def test_pairs_and_labels_join_together():
    # 0 and 1 are copies, 1 and 3 one patient.
    pairs = (np.array([0]), np.array([1]))
    assert join_groups(pairs, ["", "a", "", "a"]).tolist() == [0, 0, 1, 0]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=8),
            st.lists(st.sampled_from(["", "a", "b"]), min_size=n, max_size=n),
        )
    )
)
def test_joined_groups_are_those_of_following_every_link(drawn):
    links, labels = drawn
    links = [(min(pair), max(pair)) for pair in links if pair[0] != pair[1]]
    expected = list(range(len(labels)))
    same = [p for p in itertools.combinations(range(len(labels)), 2) if labels[p[0]]]
    for a, b in [*links, *(p for p in same if labels[p[0]] == labels[p[1]])]:
        old, new = expected[b], expected[a]
        expected = [new if group == old else group for group in expected]
    numbers: dict[int, int] = {}
    expected = [numbers.setdefault(group, len(numbers)) for group in expected]
    pairs = tuple(np.array([link[end] for link in links], np.int64) for end in (0, 1))
    assert join_groups(pairs, labels).tolist() == expected
