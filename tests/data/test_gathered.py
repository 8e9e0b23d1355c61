import numpy as np

from busicli.data.store import Rows, open_data


def test_rows_read_like_one_array():
    first, second = np.arange(12, dtype=np.uint8).reshape(2, 3, 2), np.zeros((4, 3, 2), np.uint8)
    rows = Rows([(first, 1), (second, 3), (first, 0)])
    assert (rows.shape, len(rows)) == ((3, 3, 2), 3)
    assert (rows[2] == first[0]).all()
    assert (rows[:] == np.stack([first[1], second[3], first[0]])).all()
    assert (rows[1:9] == np.stack([second[3], first[0]])).all()


def test_gathered_scans_keep_their_own_masks(prepared):
    data = open_data(prepared.data)
    cases = [data.cases[i] for i in (20, 0, 11)]
    scans = data.gather(cases)
    for position, case in enumerate(cases):
        split = data.load(case.split)
        assert (scans.images[position] == split.images[case.index]).all()
        assert (scans.masks[position] == split.masks[case.index]).all()
        assert (scans.native_mask(position) == split.native_mask(case.index)).all()
