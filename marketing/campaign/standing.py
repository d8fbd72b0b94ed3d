"""How customers stand with the lender, as far as contacting them goes: columns, one row each.

What a customer's file and the ledger of contacts say; no judgement (`eligibility`), no storage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.records import Int64s
from marketing.campaign.lanes import Flags

NEVER = np.iinfo(np.int64).min
"""A time that did not come."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """n customers."""

    customer: Int64s
    consent: Flags
    """To marketing at all."""
    channels: Flags
    """(n, channels) to each of `campaign.CHANNELS`."""
    personalised: Flags
    """False for who opted out of personalisation."""
    opted_out: Flags
    open_complaint: Flags
    overdue: Flags
    student: Flags
    declined_us: Int64s
    """When an application was declined last; NEVER."""
    restricted: Flags
    """Who asked to be erased while a law still has the records kept: as the ledger alone knows."""

    def __len__(self) -> int:
        return len(self.customer)
