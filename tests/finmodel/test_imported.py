"""Which decisions of a load come in, against the rules in plain Python."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finmodel.imported import Told, content_of, judge

APPLICATIONS, CONTENTS = st.integers(-4, 4), st.integers(0, 2)


def told(pairs):
    columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return Told(*columns)


@given(
    rows=st.lists(st.tuples(APPLICATIONS, CONTENTS), max_size=12),
    kept=st.dictionaries(APPLICATIONS, CONTENTS),
    ours=st.sets(APPLICATIONS),
)
def test_each_application_comes_in_once_and_nothing_contradicts(rows, kept, ours):
    found = judge(
        told(rows), told(list(kept.items())).by_application(), np.array(sorted(ours), np.int64)
    )
    said = defaultdict(set)
    for application, content in rows:
        said[application].add(content)
    new, known = [], 0
    for row, (application, content) in enumerate(rows):
        if application in kept:
            known += kept[application] == content
            assert (row in found.refused) == (kept[application] != content)
        elif application in ours or len(said[application]) > 1:
            assert row in found.refused
        elif row == rows.index((application, content)):
            new.append(row)
        else:
            known += 1
    assert (found.new.tolist(), found.known) == (new, known)
    assert len(new) + known + len(found.refused) == len(rows), "no row is lost"


@given(st.lists(st.floats(width=32), min_size=1, max_size=6), st.integers(0, 5))
def test_a_changed_value_changes_what_a_row_says(values, place):
    place %= len(values)
    column = np.array(values, np.float32)
    other = column.copy()
    other[place] = 1.0 if np.isnan(column[place]) else np.nan
    same = content_of({"one": column}) == content_of({"one": other})
    assert same.tolist() == [row != place for row in range(len(values))]
    assert not np.array_equal(content_of({"one": column}), content_of({"two": column}))
