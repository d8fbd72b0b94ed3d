"""Who asked to be erased is offered nothing, whatever a file says, and leaves no row behind."""

from contextlib import closing

import numpy as np
import pytest

from finmodel.errors import NotFound
from marketing.ledger.customers import standing_of, take_in
from marketing.ledger.file import Ledger
from marketing.ledger.forgetting import forget_in_ledger, held_in_ledger, restrict
from tests.marketing.small_campaign import standing

NOW = 1_775_000_000_000_000


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "marketing" / "ledger.db")) as found:
        yield found


@pytest.mark.parametrize("n", [50, 500])
def test_a_restriction_holds_whatever_is_taken_in_before_and_after(ledger, n):
    assert restrict(ledger, [7]) == 1
    take_in(ledger, standing(n), NOW)
    assert restrict(ledger, [7, 9]) == 1
    take_in(ledger, standing(n), NOW + 1)
    told = standing_of(ledger, np.arange(1, n + 1))
    assert told.customer[told.restricted].tolist() == [7, 9]


def test_who_is_forgotten_is_in_no_byte_of_the_file_and_known_to_nobody(ledger):
    who = 7_353_917_246_813_579
    take_in(ledger, standing(300), NOW)
    take_in(ledger, standing(1, first=who), NOW)
    restrict(ledger, [who])
    folder, groups = ledger.path.parent, [who >> 7 * n & 127 for n in reversed(range(8))]
    packed = bytes([*(group | 128 for group in groups[:-1]), groups[-1]])  # as SQLite has row ids
    assert any(packed in one.read_bytes() for one in folder.iterdir())
    assert held_in_ledger(ledger, who).count == 2
    assert (forget_in_ledger(ledger, who), held_in_ledger(ledger, who).count) == (2, 0)
    assert not any(packed in one.read_bytes() for one in folder.iterdir())
    assert len(standing_of(ledger)) == 300
    with pytest.raises(NotFound):
        standing_of(ledger, np.array([who]))
