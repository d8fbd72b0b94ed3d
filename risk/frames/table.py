"""A lender's table made into features by its recipe alone.

What was learnt (the order of the categories) is the table's contract, and the same contract reads
the files that are scored later.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import pandas as pd

from finmodel.errors import BadInput
from finmodel.manifest import TableContract
from finmodel.records import Float32s
from finmodel.table_columns import ids_of, times_of
from finmodel.table_contract import learnt, matrix_of, require_columns
from finmodel.table_files import as_text, read_table
from risk.frames.followed import followed_rows
from risk.frames.frame import Followed, TrainingFrame, groups_of, labels_of
from risk.frames.split import Parts, split_by_time
from risk.labels.fates import Labels
from risk.labels.rule import LabelRule
from risk.recipe import Recipe, Table

EVERY_COLUMN = "all"
"""Key of special values that hold in every numeric column."""


def load_table(recipe: Recipe, left_out: Collection[str] = ()) -> TrainingFrame:
    """The training frame of a recipe that names a table, without the rows of some customers."""
    table = recipe.source.table
    assert table is not None
    path = recipe.folder / table.path
    where, text = str(path), (*_whose(table), *table.categoricals)
    frame = read_table(path, text, table.separator, table.encoding)
    frame = _without(frame, table, left_out, where)
    followed = None
    if isinstance(recipe.label, LabelRule):
        frame, followed = followed_rows(recipe, recipe.label, frame)
    require_columns(frame, _named_columns(recipe, table), where)
    ids = ids_of(frame, table.entity, where)
    labels = labels_of(frame[recipe.label_column], where)
    times = None if table.time is None else times_of(frame, table.time, where)
    parts = split_by_time(times, recipe.split, labels, where)
    contract = _learn_contract(frame, recipe, table, parts, where)
    return TrainingFrame(
        where=where,
        ids=ids,
        names=contract.features,
        matrix=matrix_of(frame, contract, where),
        labels=labels,
        times=times,
        audit=groups_of(frame, recipe.audit_only, recipe.audit_bands),
        categoricals=tuple(contract.categories),
        table=contract,
        followed=None if followed is None else _kept_aside(recipe, contract, *followed),
        as_written=_as_written(frame, contract, where),
    )


def _whose(table: Table) -> tuple[str, ...]:
    """Columns that may say whose a row is."""
    return (table.entity,) if table.customer is None else (table.entity, table.customer)


def _without(
    frame: pd.DataFrame, table: Table, left_out: Collection[str], where: str
) -> pd.DataFrame:
    """The rows of everybody else; BadInput where a row does not say whose it is, and should."""
    whose = _whose(table)
    require_columns(frame, whose, where)
    for name in whose[1:]:
        ids_of(frame, name, where, once=False)
    for name in whose if left_out else ():
        frame = frame[~as_text(frame[name]).isin(left_out)]
    return frame


def _kept_aside(
    recipe: Recipe, contract: TableContract, labels: Labels, aside: pd.DataFrame
) -> Followed:
    """What became of every row, and the features of the indeterminate."""
    table = recipe.source.table
    assert table is not None
    assert table.time is not None
    where = str(recipe.folder / table.path)
    return Followed(
        cohorts=tuple(labels.by_cohort()),
        excluded=labels.excluded,
        aside_ids=aside[table.entity].to_numpy(dtype=object),
        aside_matrix=matrix_of(aside, contract, where),
        aside_times=times_of(aside, table.time, where),
        aside_as_written=_as_written(aside, contract, where),
    )


def _as_written(frame: pd.DataFrame, contract: TableContract, where: str) -> Float32s | None:
    """A scorecard gives special values bins of their own; the trees take them as missing."""
    if not contract.special_values:
        return None
    return matrix_of(frame, msgspec.structs.replace(contract, special_values={}), where)


def _learn_contract(
    frame: pd.DataFrame, recipe: Recipe, table: Table, parts: Parts, where: str
) -> TableContract:
    apart = {*_whose(table), recipe.label_column, table.time, *table.exclude, *recipe.audit_only}
    features = tuple(str(name) for name in frame.columns if name not in apart)
    if not features:
        raise BadInput("no column is left as a feature", where=where, remedy="exclude fewer")
    seen = frame.iloc[parts.train]
    blank = TableContract(
        entity=table.entity,
        features=features,
        special_values=_special_values(features, table, where),
        separator=table.separator,
        encoding=table.encoding,
    )
    return learnt(seen, blank, table.categoricals, where)


def _special_values(
    features: tuple[str, ...], table: Table, where: str
) -> dict[str, tuple[float, ...]]:
    numeric = [name for name in features if name not in table.categoricals]
    for name in table.special_values:
        if name != EVERY_COLUMN and name not in numeric:
            raise BadInput(
                "special values stand only for numeric features",
                where=f"{where}: column {name!r}",
                remedy="take it out of special_values",
            )
    everywhere = table.special_values.get(EVERY_COLUMN, ())
    special = {name: everywhere + table.special_values.get(name, ()) for name in numeric}
    return {name: values for name, values in special.items() if values}


def _named_columns(recipe: Recipe, table: Table) -> list[str]:
    special = [name for name in table.special_values if name != EVERY_COLUMN]
    time = [table.time] if table.time else []
    return [
        *_whose(table),
        recipe.label_column,
        *time,
        *table.exclude,
        *table.categoricals,
        *special,
        *table.own_repayments,
        *recipe.audit_only,
        *recipe.monotone,
    ]
