"""What holds for every test: the same examples on each run, and counters of this process alone."""

import os

# Before Feast, whose metrics module would turn the whole process to counters kept in files.
import prometheus_client  # noqa: F401
from hypothesis import settings

# A run that passed passes again; `HYPOTHESIS_PROFILE=explore make test` looks for new examples.
settings.register_profile("settled", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "settled"))
