import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.files.formulas import guarded, restored


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1"])
def test_cells_that_a_spreadsheet_would_run_are_guarded(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Ann", "O'Hara", "'twas", "a=1", "5"])
def test_other_cells_stay(cell: str) -> None:
    assert guarded(cell) == cell
    assert restored(cell) == cell


@given(st.text(st.sampled_from("'=+-@\ta＝")) | st.text())
def test_what_was_guarded_comes_back(cell: str) -> None:
    assert restored(guarded(cell)) == cell
