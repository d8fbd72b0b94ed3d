"""A campaign's recipe, and customers who stand as they should; a test changes what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from finmodel.clock import micros, parse_time
from marketing.campaign.recipe import CHANNELS, CampaignRecipe
from marketing.campaign.recipe_file import load_campaign
from marketing.campaign.standing import NEVER, Standing

SHIPPED = Path(__file__).parents[2] / "marketing" / "drawdown_campaign.yaml"
NOW = micros(parse_time("2026-04-01T12:00:00+08:00"))
DAY = 86_400_000_000


def told(**changes: Any) -> str:
    """The shipped recipe's text, with keys changed, or taken out where they are None."""
    given = yaml.safe_load(SHIPPED.read_text()) | changes
    return yaml.safe_dump({key: value for key, value in given.items() if value is not None})


def recipe(folder: Path, **changes: Any) -> CampaignRecipe:
    path = folder / "campaign.yaml"
    path.write_text(told(**changes))
    return load_campaign(path)


def shipped(**changes: Any) -> CampaignRecipe:
    """The shipped recipe, with fields replaced by what was not read from a file."""
    return msgspec.structs.replace(load_campaign(SHIPPED), **changes)


def standing(customers: int, first: int = 1, **changes: Any) -> Standing:
    """Customers whom no rule stops; a change is a column, or one value for all."""
    no, yes = np.zeros(customers, bool), np.ones(customers, bool)
    columns = {
        "customer": np.arange(first, first + customers),
        "consent": yes,
        "channels": np.ones((customers, len(CHANNELS)), bool),
        "personalised": yes,
        "opted_out": no,
        "open_complaint": no,
        "overdue": no,
        "student": no,
        "declined_us": np.full(customers, NEVER),
        "restricted": no,
    }
    given = {
        name: np.broadcast_to(value, columns[name].shape).astype(columns[name].dtype)
        for name, value in changes.items()
    }
    return Standing(**columns | given)
