"""Builds the cards of this folder with toad and scorecardpy themselves: README.md says how.

The shipped table comes in; each library's export of its card, and what the library gives to rows
that it has not seen, go out beside this file. No test runs it: neither is installed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from tests.risk.importing.foreign.customers import LEARNT, SCORED, SHIPPED, customers

HERE = Path(__file__).parent
SCALE = {"pdo": 20, "base_odds": 50, "base_score": 600}


def main() -> None:
    """Write the exports and scores.npz."""
    import scorecardpy

    features, labels = customers(pd.read_csv(SHIPPED))
    seen, bad, unseen = features[LEARNT], labels[LEARNT], features[SCORED]
    apart = toads(seen, bad, empty_separate=True)
    apart.export(to_json=str(HERE / "toad.json"), decimal=8)
    usual = toads(seen, bad)
    usual.export(to_csv=HERE / "toad_defaults.csv")
    theirs, bins = scorecardpys(seen, bad)
    card = pd.concat(theirs, ignore_index=True)
    card.to_csv(HERE / "scorecardpy.csv", index=False)
    woe = pd.concat(bins, ignore_index=True)[["variable", "bin", "woe"]]
    card.merge(woe, how="left").to_csv(HERE / "scorecardpy_woe.csv", index=False)
    np.savez_compressed(
        HERE / "scores.npz",
        toad=apart.predict(unseen),
        toad_defaults=usual.predict(unseen),
        scorecardpy=scorecardpy.scorecard_ply(unseen, theirs)["score"].to_numpy(),
    )


def toads(seen: pd.DataFrame, bad: np.ndarray, **how: Any) -> Any:
    """Combiner, WOE and card, as toad's own tutorial has them."""
    import toad

    combiner = toad.transform.Combiner()
    combiner.fit(seen, bad, method="chi", min_samples=0.05, **how)
    woe = toad.transform.WOETransformer()
    as_woe = woe.fit_transform(combiner.transform(seen), bad)
    return toad.ScoreCard(combiner=combiner, transer=woe, **SCALE).fit(as_woe, bad)


def scorecardpys(seen: pd.DataFrame, bad: np.ndarray) -> tuple[Any, Any]:
    """woebin, woebin_ply and scorecard, as its README has them, and its bins.

    It takes labels that are whole numbers, and no others.
    """
    import scorecardpy

    bins = scorecardpy.woebin(seen.assign(bad=bad.astype(int)), "bad", no_cores=1)
    as_woe = scorecardpy.woebin_ply(seen, bins, no_cores=1)
    model = LogisticRegression().fit(as_woe, bad)
    scale = {"points0": 600, "odds0": 1 / 50, "pdo": 20}
    return scorecardpy.scorecard(bins, model, as_woe.columns, **scale), bins


if __name__ == "__main__":
    main()
