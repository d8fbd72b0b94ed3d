"""The rows of a recipe, wherever they come from: a Feast service's events, or a table."""

from __future__ import annotations

from finmodel.progress import Progress, silent
from finmodel.settings import Settings
from marketing.event_frames import load_events
from marketing.frame import Frame
from marketing.recipe import MarketingRecipe
from marketing.table_frames import load_table


def load_frame(recipe: MarketingRecipe, settings: Settings, progress: Progress = silent) -> Frame:
    """The frame that a recipe names."""
    if recipe.source.table is not None:
        return load_table(recipe, settings)
    return load_events(recipe, settings, progress)
