"""What commands import, loaded once in the process that theirs are forked from."""

import lightgbm  # noqa: F401

import feature_store.store  # noqa: F401
import fine_tune.tune  # noqa: F401
import risk.train  # noqa: F401
import serving.cli  # noqa: F401
from finmodel.mlflow_server import open_mlflow

open_mlflow()
import mlflow.store.tracking.sqlalchemy_store  # noqa: E402, F401
