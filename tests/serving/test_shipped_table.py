"""The shipped table in a home of nobody's: from nothing to the frame that the recipe trains on."""

from __future__ import annotations

from pathlib import Path

import pytest

from finmodel.errors import NotReady, Refused
from finmodel.lender.credit_default import load
from finmodel.progress import silent
from finmodel.settings import Settings
from risk.frames.load import load_frame
from risk.recipe import load_recipe
from serving.shipped_table import take_in

RECIPE = Path(__file__).parents[2] / "risk" / "behaviour_risk.yaml"


def test_an_empty_home_comes_to_the_recipes_rows_and_is_not_laid_over(tmp_path):
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    recipe = load_recipe(RECIPE)
    with pytest.raises(NotReady):
        load_frame(recipe, settings)
    take_in(settings, silent)
    frame = load_frame(recipe, settings)
    assert sorted(frame.ids.tolist()) == sorted(load()["ID"].tolist())
    with pytest.raises(Refused, match="it has events already; give the example a home of its own"):
        take_in(settings, silent)
