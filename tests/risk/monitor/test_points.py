"""Points on columns small enough to count by eye; the page's test counts against the panels."""

import numpy as np
import pytest

from finmodel.errors import BadInput
from risk.monitor.followed import month_name
from risk.monitor.points import NEVER, Point, rows_of

COLUMNS = {
    "time_us": np.arange(6),
    "period": np.array([0, 0, 1, 1, 1, 2]),
    "band": np.array([0, 1, 0, 1, 0, 1]),
    "label": np.array([1, 0, -1, 1, 0, -1]),
    "cohort": np.array([674, 674, 674, 675, 675, 675]),
    "late_mob": np.array([1, NEVER, 3, 0, NEVER, NEVER]),
    "fpd": np.array([20, -1, 0, 31, 3, -1]),
    "roll_row": np.array([0, 0, 3]),
    "roll": np.array([1, 8 + 2, 1]),
    "sample_row": np.array([1, 4]),
    "sample_differs": np.array([False, True]),
    "sample_swap": np.array([2, 1]),
}
PERIODS = ("a", "b", "c")


@pytest.mark.parametrize(
    ("point", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"period": "b"}, [2, 3, 4]),
        ({"band": 1}, [0, 2, 4]),
        ({"period": "b", "band": 1, "matured": True}, [4]),
        ({"bad": True}, [0, 3]),
        ({"bad": False}, [1, 4]),
        ({"cohort": month_name(675)}, [3, 4, 5]),
        ({"cohort": "1999-01"}, []),
        ({"late_by_mob": 0}, [3]),
        ({"late_by_mob": 24}, [0, 2, 3]),
        ({"late_by_mob": 999}, [0, 2, 3]),
        ({"fpd": 7}, [0, 3]),
        ({"roll": "C>M1"}, [0, 3]),
        ({"roll": "M1>M2"}, [0]),
        ({"sampled": True}, [1, 4]),
        ({"sampled": True, "matured": True}, [1, 4]),
        ({"differing": True}, [4]),
        ({"swap": (True, False)}, [1]),
    ],
)
def test_a_point_is_what_its_decisions_have_in_common(point, rows):
    assert rows_of(COLUMNS, PERIODS, Point(**point)).tolist() == rows


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"period": "z"}, "none of its periods"),
        ({"roll": "C>M9"}, "none of its rolls"),
        ({"roll": "C"}, "none of its rolls"),
        ({"fpd": 8}, "none of FPD's"),
    ],
)
def test_what_is_unknown_is_a_sentence(point, words):
    with pytest.raises(BadInput, match=words):
        rows_of(COLUMNS, PERIODS, Point(**point))
