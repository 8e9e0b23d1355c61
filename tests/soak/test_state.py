"""Thousands of random changes of what a run keeps and leaves; tests/batch holds a few of each."""

from tests.soak.state import (
    check_card,
    check_forged,
    check_parts,
    check_results,
    check_state,
)

BITS = 2_500
"""Of the state of a run, and of its parts: 5,000 in all."""
FORGED = 2_000
DAMAGED = 500
CARDS = 5_000


def test_changed_bits_of_the_state_change_no_result(wards, tmp_path):
    check_state(wards["few"], tmp_path / "out", BITS)


def test_changed_bits_of_parts_change_no_result(wards, tmp_path):
    check_parts(wards["few"], tmp_path / "out", BITS)


def test_forged_values_of_the_state_crash_nothing(wards, tmp_path):
    check_forged(wards["few"], tmp_path / "out", FORGED)


def test_damaged_results_are_made_again(wards, tmp_path):
    check_results(wards["all"], tmp_path / "out", DAMAGED)


def test_a_changed_card_is_refused_or_says_the_same(tmp_path):
    check_card(tmp_path, CARDS)
