import re

from busicli.cli.train_output import ProgressOutput
from tests.cli.trained import DATE, METRICS, epochs_reported, history


def test_the_last_epochs_metrics_are_shown_in_a_table(study):
    last = history(study.run)[-1]
    assert study.train.status == 0
    assert "After epoch 2; best epoch" in study.train.out
    for metric in METRICS:
        (line,) = (line for line in study.train.out.splitlines() if f"│ {metric} " in line)
        cells = [cell.strip() for cell in line.replace("│", "|").split("|")[1:-1]]
        expected = [f"{float(last[prefix + metric]):.4f}" for prefix in ("", "val_")]
        assert cells[:3] == [metric, *expected]


def test_each_epoch_is_reported_in_one_line_on_stderr(study):
    assert epochs_reported(study.train.err) == ["epoch 1 of 2", "epoch 2 of 2"]
    first, last = (line for line in study.train.err.splitlines() if "Dice_coef" in line)
    assert re.search(r" validation at 32 px; \d+ s, [\d:]+ left$", first)
    assert re.search(r" validation at 64 px; \d+ s$", last)


def test_the_best_epoch_is_one_of_those_at_full_size_and_that_is_said(study):
    assert (
        "Best epoch: the highest validation Dice_coef of epoch 2 alone, at full size. Epoch 1 "
        "trained on smaller scans and cannot be compared.\n"
    ) in study.train.out


def test_progress_within_an_epoch_is_a_dated_line_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("busicli.cli.progress.SECONDS_A_LINE", 1e-9)
    output = ProgressOutput(3)
    for done in range(1, 5):
        output.batch(2, done, 4)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert re.fullmatch(rf"{DATE} epoch 2 of 3: 4 of 4 after [\d:]+, 00:00 left", lines[-1])


def test_no_line_is_written_within_a_short_epoch(capsys):
    output = ProgressOutput(3)
    for done in range(1, 5):
        output.batch(2, done, 4)
    assert capsys.readouterr().err == ""
