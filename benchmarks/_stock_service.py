"""The peer of `POST /score`: the same ids in, the same answer out, over stock parts.

A BentoML service that reads with stock Feast's `get_online_features` and scores with
`Booster.predict`. Started by benchmarks/online.py with the repo and the model in its environment.
"""

from __future__ import annotations

import os

import bentoml
import lightgbm
import numpy as np
from feast import FeatureStore


@bentoml.service(workers=1, traffic={"timeout": 60})
class StockScores:
    """Stock Feast and stock LightGBM behind one BentoML API."""

    def __init__(self) -> None:
        self.store = FeatureStore(repo_path=os.environ["STOCK_REPO"])
        self.service = self.store.get_feature_service(os.environ["STOCK_SERVICE"])
        self.booster = lightgbm.Booster(model_file=os.environ["STOCK_MODEL"])
        self.names = [
            feature.name
            for projection in self.service.feature_view_projections
            for feature in projection.features
        ]

    @bentoml.api(route="/score")
    def score(self, customer_ids: list[int]) -> dict[str, list[float]]:
        """Probability of default of each customer."""
        rows = [{"customer_id": customer} for customer in customer_ids]
        columns = self.store.get_online_features(self.service, rows).to_dict()
        matrix = np.array([columns[name] for name in self.names], dtype=np.float32).T
        return {"pd": self.booster.predict(matrix, num_threads=1).tolist()}
