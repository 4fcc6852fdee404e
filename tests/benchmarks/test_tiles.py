"""The grid which is measured is the one that was meant; measuring itself takes a browser, and its time."""

import pytest

from vidgen_nb.display import sweep

from .tiles import COLUMNS, ROWS, Running


@pytest.mark.parametrize("silent", [False, True])
def test_a_hundred_clips_are_at_work(silent: bool) -> None:
    """Ten by ten, all running, with or without progress; the grid says when all of them may be done."""
    made = Running(silent).grid()
    assert made.counts == {"running": COLUMNS * ROWS}
    assert sweep.frame(made).count("data-tile=") == COLUMNS * ROWS == 100
    assert {cell.record.progress for cell in made.cells if cell.record} == {None if silent else 0.0}
    assert "about " in sweep.counts(made)
