"""From a plan and a map's catalog to the tables that the read kernel follows.

They say, for every schema that rows of a view were ever written by, where each wanted feature lies
in it. Pure; made once per plan and catalog, then kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog, Features
from feature_store.packed_rows import fits_matrix, layout_of
from feature_store.plan import ServicePlan, ViewPlan
from finmodel.records import Float64s

_KINDS = {
    "Float32": kernels.FLOAT32,
    "Float64": kernels.FLOAT64,
    "Int32": kernels.INT32,
    "Int64": kernels.INT64,
    "Bool": kernels.BOOL,
}


def tables_of(plan: ServicePlan, catalog: Catalog) -> kernels.Tables:
    """The tables of a plan over the rows of one map.

    A feature that a schema lacks, or holds as something else, is absent: NaN, never shifted.
    """
    view_at = np.full(len(catalog.views), -1, dtype=np.int32)
    schemas: list[list[int]] = []
    sources: list[tuple[int, int, int]] = []
    firsts = [0]
    for position, view in enumerate(plan.views):
        found = catalog.find(view.name)
        if found is not None:
            view_at[found[0]] = position
            for features in found[1].schemas:
                rows = _sources(view, features)
                schemas.append([*_sizes(features), _block(rows), len(sources)])
                sources += rows
        firsts.append(len(schemas))
    widths = [len(view.features) for view in plan.views]
    return kernels.Tables(
        view_at=view_at,
        columns=np.cumsum([0, *widths], dtype=np.int64),
        ttl_us=ttls_s(plan) * 1e6,
        first_schema=np.array(firsts, dtype=np.int64),
        schemas=np.array(schemas, dtype=np.int64).reshape(-1, 4),
        sources=np.array(sources, dtype=np.int64).reshape(-1, 3),
    )


@lru_cache(maxsize=256)
def ttls_s(plan: ServicePlan) -> Float64s:
    """Each view's time to live in seconds; inf where it has none.

    >>> ttls_s(ServicePlan("s", "id", "int64", (ViewPlan("a", 60.0, ()), ViewPlan("b", 0.0, ()))))
    array([60., inf])
    """
    ttls = np.array([view.ttl_s or np.inf for view in plan.views], dtype=np.float64)
    ttls.flags.writeable = False  # it is shared by every batch
    return ttls


def _sizes(features: Features) -> tuple[int, int]:
    layout = layout_of(features)
    return layout.null_words, layout.body_words


def _sources(view: ViewPlan, features: Features) -> list[tuple[int, int, int]]:
    layout = layout_of(features)
    index = {feature.name: i for i, feature in enumerate(features)}
    rows = []
    for wanted in view.features:
        i = index.get(wanted.name, -1)
        if i >= 0 and fits_matrix(features[i].dtype, wanted.dtype):
            rows.append((layout.at[i], _KINDS[features[i].dtype], i))
        else:
            rows.append((0, kernels.ABSENT, 0))
    return rows


def _block(rows: list[tuple[int, int, int]]) -> int:
    """The float32 slot where the wanted features start if they lie side by side, else -1."""
    side_by_side = bool(rows) and all(
        kind == kernels.FLOAT32 and position == rows[0][0] + 4 * j
        for j, (position, kind, _) in enumerate(rows)
    )
    return rows[0][0] // 4 if side_by_side else -1
