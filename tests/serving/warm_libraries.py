"""What commands import, loaded once in the process that theirs are forked from."""

import __main__

# A main module without a file is a person at a prompt to DuckDB, who is drawn its progress. It
# looks once, when it is imported; a file that stood there later multiprocessing would run.
NAMELESS = not hasattr(__main__, "__file__")
if NAMELESS:
    __main__.__file__ = "finmodel"

import lightgbm  # noqa: E402, F401

# Before Feast, which tells it by the environment to keep counts in files of this process alone.
import prometheus_client  # noqa: E402, F401

import feature_store.store  # noqa: E402, F401
import fine_tune.tune  # noqa: E402, F401
import risk.train  # noqa: E402, F401
import serving.cli  # noqa: E402, F401
from finmodel.mlflow_server import open_mlflow  # noqa: E402

open_mlflow()
import mlflow.store.tracking.sqlalchemy_store  # noqa: E402, F401

if NAMELESS:
    del __main__.__file__
