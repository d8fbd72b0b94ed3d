"""Customers of the shipped table as another library is given them: numbers, text, and no value.

Six columns of what was known in September 2005 come out, and October's default. It needs pandas
alone, so that what is installed beside those libraries can read it too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SHIPPED = Path(__file__).parents[4] / "finmodel" / "lender" / "credit_default.csv.xz"
CATEGORICALS = ("status", "status_july")
LEARNT = slice(10_000, 20_000)
"""Rows on which the cards were built."""
SCORED = slice(10_000)
"""Rows that they scored, of which they had seen none."""
_STATUS = {-2: "无消费", -1: "全额还清", 0: "最低还款"} | {n: f"逾期{n}个月" for n in range(1, 9)}


def customers(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Features and labels of the published table's rows.

    No value: the share repaid of a bill that was none, and July's status of an unused card.
    Shares are whole per cent, as a report has them, so that many stand upon a cut.
    """
    bill = table["BILL_AMT2"].where(table["BILL_AMT2"] > 0)
    late = [f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)]
    features = pd.DataFrame(
        {
            "limit": table["LIMIT_BAL"],
            "used_share": (table["BILL_AMT1"] / table["LIMIT_BAL"]).round(3),
            "repaid_share": (table["PAY_AMT1"] / bill).round(3),
            "late_months": (table[late] > 0).sum(axis=1),
            "status": table["PAY_0"].map(_STATUS),
            "status_july": table["PAY_4"].where(table["PAY_4"] != -2).map(_STATUS),
        }
    )
    return features, table["DEFAULT"].to_numpy(np.float64)
