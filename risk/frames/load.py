"""The rows of a recipe: out of the feature store as of each decision, or out of a lender's table.

Whoever asked to be erased and must be kept is left out.
The refusals that need the data's names (cards, audit-only attributes) are made here, once for both.
"""

from __future__ import annotations

import msgspec
import pandas as pd

from feature_store.offline import training_frame
from feature_store.plan import ServicePlan, plan_of
from feature_store.store import open_store
from finmodel.errors import BadInput, NotReady
from finmodel.lender import credit_default
from finmodel.progress import Progress, silent
from finmodel.restriction_book import may_train, restricted_customers
from finmodel.settings import Settings
from finmodel.table_columns import ids_of, times_of
from finmodel.table_files import read_table
from risk.cards import made_of_own_repayments, refuse_audit_only, refuse_own_repayments
from risk.frames.frame import TrainingFrame, groups_of, labels_of, matrix_in
from risk.frames.lender import features_home, load_lender
from risk.frames.table import load_table
from risk.recipe import Recipe, Spine


def load_frame(recipe: Recipe, settings: Settings, progress: Progress = silent) -> TrainingFrame:
    """The training frame that a recipe names."""
    if recipe.source.table is not None:
        frame = load_table(recipe, restricted_customers(settings))
        own = set(recipe.source.table.own_repayments) & set(frame.names)
        refuse_own_repayments(recipe, own)
    else:
        frame = _load_service(recipe, settings, progress)
    refuse_audit_only(recipe, frame.names)
    for name in recipe.monotone:
        if name not in frame.names:
            raise BadInput(
                f"{name!r} is no feature", where=f"{recipe.file}: monotone", remedy="take it out"
            )
    return frame


def known_at(spine: pd.DataFrame, plan: ServicePlan, settings: Settings) -> pd.DataFrame:
    """The spine's rows with the plan's features as they were known at each row's time."""
    joined = training_frame(settings, spine, plan.service)
    lost = [name for name in plan.names if name not in joined]
    if lost:
        raise NotReady(
            f"the service no longer gives {', '.join(lost)}",
            where=plan.service,
            remedy="define it again as the model knows it, or train on a new version",
        )
    return joined


def _load_service(recipe: Recipe, settings: Settings, progress: Progress) -> TrainingFrame:
    service = recipe.source.service
    assert service is not None
    home = features_home(recipe, settings, progress)
    store = open_store(home)
    plan = plan_of(store, service)
    find = store.registry.get_any_feature_view  # a snapshot's view, or a stream's
    tags = {view.name: find(view.name, store.project).tags for view in plan.views}
    refuse_own_repayments(recipe, made_of_own_repayments(tags))
    if recipe.source.lender is not None:
        return load_lender(recipe, plan, home, progress)
    spine, where = _spine(recipe, plan)
    spine = spine[may_train(settings, spine[plan.join_key].to_numpy())]
    joined = known_at(spine, plan, settings)
    return TrainingFrame(
        where=where,
        ids=joined[plan.join_key].to_numpy(),
        names=plan.names,
        matrix=matrix_in(joined, plan.names),
        labels=labels_of(joined[recipe.label_column], where),
        times=times_of(joined, "event_timestamp", where),
        audit=groups_of(joined, recipe.audit_only, recipe.audit_bands),
        service=service,
        plan=msgspec.to_builtins(plan),
    )


def _spine(recipe: Recipe, plan: ServicePlan) -> tuple[pd.DataFrame, str]:
    named = recipe.source.spine
    if isinstance(named, Spine):
        frame, where = _spine_file(recipe, named, plan)
    else:
        frame, where = _shipped(), "credit_default"
    for name in (recipe.label_column, *recipe.audit_only):
        if name not in frame:
            raise BadInput(
                f"there is no column {name!r}", where=where, remedy="add it to the spine"
            )
    return frame, where


def _shipped() -> pd.DataFrame:
    table = credit_default.load()
    audit = credit_default.audit_attributes(table).drop(columns="event_timestamp")
    return credit_default.labels(table).merge(audit, on="customer_id", validate="one_to_one")


def _spine_file(recipe: Recipe, spine: Spine, plan: ServicePlan) -> tuple[pd.DataFrame, str]:
    path = recipe.folder / spine.path
    text = (spine.entity,) if plan.key_type == "string" else ()
    frame = read_table(path, text, ",", "utf-8-sig")
    for name in (spine.entity, spine.time):
        if name not in frame:
            raise BadInput(f"there is no column {name!r}", where=str(path), remedy="name another")
    ids_of(frame, spine.entity, str(path))
    if plan.key_type == "int64" and not pd.api.types.is_integer_dtype(frame[spine.entity]):
        place = f"{path}: column {spine.entity!r}"
        raise BadInput(
            f"ids are {frame[spine.entity].dtype}", where=place, remedy="make them whole numbers"
        )
    frame[spine.time] = pd.to_datetime(times_of(frame, spine.time, str(path)), utc=True)
    renamed = {spine.entity: plan.join_key, spine.time: "event_timestamp"}
    for ours, taken in renamed.items():
        if taken != ours and taken in frame:
            what = f"it has a column {taken!r} beside {ours!r}"
            raise BadInput(what, where=str(path), remedy="rename it, or name it in the spine")
    return frame.rename(columns=renamed), str(path)
