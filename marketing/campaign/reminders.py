"""In which order customers who are overdue are reminded: who pays by themselves comes last.

Willingness to repay (还款意愿度) comes in, an order goes out; who is willing mostly pays without
a word, so the first reminders go where they are needed. It is an order and nothing else: no amount
and no offer follows from it. Pure.
"""

from __future__ import annotations

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.campaign.lanes import Flags
from marketing.campaign.standing import Standing


def to_remind(standing: Standing) -> Flags:
    """(n,) who is overdue and has no complaint open: a person looks at a complaint first."""
    return standing.overdue & ~standing.open_complaint


def order_of(customer: Int64s, willingness: Float64s) -> Int64s:
    """(n,) places in the order of reminding: the least willing first, the unknown last.

    >>> order_of(np.array([3, 4, 5, 6]), np.array([0.9, np.nan, 0.2, 0.2])).tolist()
    [2, 3, 0, 1]
    """
    return np.lexsort((customer, willingness))
