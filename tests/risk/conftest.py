"""A small lender's files: a table, and the recipe that onboards it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.feature_store.small_home import Lender as FeatureLender
from tests.feature_store.small_home import make_lender
from tests.risk.small_lender import RECIPE, loans

Lender = Callable[..., Path]


@pytest.fixture
def lender(tmp_path: Path) -> Lender:
    """Write the table and the recipe, with changes to either; give the recipe's path."""

    def write(table: pd.DataFrame | None = None, **changes: Any) -> Path:
        table = loans() if table is None else table
        recipe = {**RECIPE, **changes}
        path = tmp_path / recipe["source"]["table"]["path"]
        if path.suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False)
        file = tmp_path / "recipe.yaml"
        file.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> FeatureLender:
    """A home with the shipped features of 240 customers; not to be written to."""
    return make_lender(tmp_path_factory.mktemp("features"))
