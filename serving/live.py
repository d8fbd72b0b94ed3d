"""What is in service: the champion, its challenger, the policy and its switch, swapped at once.

A thread looks at their signed files every second, off the path of requests. What does not hold, or
does not fit together, is refused loudly, and what was served before is still served. Knows no
request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from feature_store.plan import ServicePlan, plan_from
from finmodel.errors import Damaged, NotReady
from finmodel.export import ExportedModel, load_export
from finmodel.manifest import Manifest
from finmodel.pointers import last_pointer, pointer_path, read_champion
from finmodel.records import Float32s, Float64s, Reason
from risk.policy.versions import PolicyVersion, Switch
from risk.reasons import ReasonTable, reason_table
from serving.fallback_card import fallback_card
from serving.following import Followed, Refusal
from serving.in_force import InForce, follow_policy, in_force, require_none_approved, switched

log = logging.getLogger("bentoml.finmodel")

NO_CHAMPION = "no version is champion"
LOADING = "the model is being loaded"
LOOK_SECONDS = 1.0
NO_VERSION = 0
"""The version of a decision that no model was asked for."""

Warm = Callable[["Served"], None]
"""Runs a model once, so that no request waits for a kernel to be compiled."""
Notice = Callable[[str, dict[str, Any]], None]
"""Told of each thing taken in or refused: what happened, and the facts."""


class Scores(Protocol):
    """What scores, as `finmodel.scorer.Scorer` does."""

    def raw_many(self, matrix: Float32s) -> Float64s:
        """(n,) raw scores of (n, f) rows."""
        ...

    def contributions(self, matrix: Float32s) -> Float64s:
        """(n, f + 1) of each feature to the raw score; the last is the base."""
        ...


class Card(Protocol):
    """A scorecard that stands in for the model, on the same features and the same points."""

    def log_odds_many(self, matrix: Float32s) -> Float64s:
        """(n,) log-odds(bad) of (n, f) rows; NaN where it cannot say."""
        ...

    def reasons(self, row: Float32s, table: ReasonTable) -> tuple[Reason, ...]:
        """Why the points of (1, f) features are not more, in the model's own groups."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A verified model with all that a judgement needs; never changed, only replaced."""

    manifest: Manifest
    scorer: Scores
    plan: ServicePlan
    views: tuple[str, ...]
    reasons: ReasonTable
    card: Card | None = None
    policy: InForce | None = None
    """None where none was ever approved: the manifest's own decides."""
    challenger: Served | None = None

    @property
    def absent(self) -> bool:
        """Whether no model stands behind it: the policy alone decides."""
        return self.manifest.version == NO_VERSION


def served(exported: ExportedModel) -> Served:
    """A verified export with its plan and its reasons; Damaged where it lacks either."""
    manifest = exported.manifest
    told = {feature for group in manifest.reasons for feature in group.features}
    lacks = "a feature service" if not manifest.plan else ""
    if manifest.policy is None:
        lacks = "a card's cut-offs"
    elif silent := sorted(set(manifest.features) - told):
        lacks = f"a reason for {silent[0]}"
    if lacks:
        raise Damaged(
            f"it cannot answer applications: it lacks {lacks}",
            where=f"{manifest.name} version {manifest.version}",
            remedy="train on a feature service, with a reason for each feature, and promote that",
        )
    plan = plan_from(manifest.plan)
    table = reason_table(
        manifest.features, manifest.reasons, manifest.calibration, manifest.scaling
    )
    card = fallback_card(exported.card, manifest)
    return Served(manifest, exported.scorer, plan, plan.view_names, table, card)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one model's exports, its policy and its log lie, and the key that signs them."""

    exports: Path
    name: str
    keys: Path
    policies: Path = Path("/nonexistent")
    policy: str = "none"
    audit: Path = Path("/nonexistent")
    """What proves the state of the policy's switch."""


class Live:
    """What is in service: `current()` now, followed by a thread between start and stop."""

    def __init__(self, place: Place, warm: Warm, notice: Notice) -> None:
        self._place, self._warm, self._notice = place, warm, notice
        self._served: Served | None = None
        self._looked, self._unfit = False, ""
        self._untold: list[Followed[Any]] = []
        self._champion: Followed[Served | None] = self._model("champion")
        self._challenger: Followed[Served | None] = self._model("challenger")
        self._policy, self._switch = follow_policy(
            place.policies, place.policy, place.keys, place.audit
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="live", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        self._thread.join()

    @property
    def follows(self) -> bool:
        """Whether the thread that follows is alive."""
        return self._thread.is_alive()

    @property
    def serving(self) -> Served | None:
        """The model in service, or None before the first."""
        return self._served

    @property
    def trouble(self) -> str:
        """Why what is named is not what is in service; empty while all is well."""
        if not self._looked:
            return LOADING
        if not self._champion.exists():
            return NO_CHAMPION
        for one in self._followed():
            if one.trouble:
                return f"the {one.name}: {one.trouble}"
        return self._unfit

    def current(self) -> Served:
        """The model in service. Whoever holds it keeps it, whatever is promoted meanwhile."""
        if self._served is None:
            raise NotReady(
                self.trouble or LOADING,
                where=f"model {self._place.name}",
                remedy=self._remedy(),
            )
        return self._served

    @property
    def policy_alone(self) -> tuple[PolicyVersion, Switch | None] | None:
        """What decides where no model is in service; None while one is, or no policy is in force.

        A model that does not fit the policy is none that decides.
        """
        version = self._policy.value
        if self._served is not None or not self._looked or version is None:
            return None
        return version, switched(self._place.policy, self._switch)

    def look(self) -> None:
        """Take in what the files name, if it is another than before."""
        changed = False
        for one in self._followed():
            before = one.value
            told = one.look()
            if isinstance(told, Refusal):
                self._refuse(one.name, told)
                changed = changed or one is self._switch
            elif told:
                changed = True
                if before is not None or one.value is not None:
                    self._untold.append(one)
        if changed:
            self._combine()
        if self._served is not None and not self._unfit:
            while self._untold:
                self._tell(self._untold.pop(0))
        self._looked = True

    def _follow(self) -> None:
        self.look()
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def _followed(self) -> tuple[Followed[Any], ...]:
        return self._champion, self._challenger, self._policy, self._switch

    def _combine(self) -> None:
        """Swap in what was taken in, if it fits together; a switch counts in any case."""
        model, switch = self._champion.value, switched(self._place.policy, self._switch)
        if model is None:
            return
        try:
            policy = self._policy_for(model, switch)
        except Damaged as error:
            if self._unfit != str(error):
                self._refuse("policy", Refusal(error.what, str(error), first=True))
            self._unfit = str(error)
            before = self._served
            if before is not None and before.policy is not None:
                self._served = replace(before, policy=replace(before.policy, switch=switch))
            return
        self._unfit = ""
        self._served = replace(model, policy=policy, challenger=self._fitting(model, policy))

    def _policy_for(self, model: Served, switch: Switch | None) -> InForce | None:
        version = self._policy.value
        if version is not None:
            return in_force(version, model.manifest, model.views, switch)
        require_none_approved(self._place.policies, self._place.policy)
        return None

    def _fitting(self, model: Served, policy: InForce | None) -> Served | None:
        """The challenger, where the policy wants one and it reads the same features."""
        other = self._challenger.value
        if other is None or policy is None or policy.plan.policy.challenger is None:
            return None
        if other.manifest.version == model.manifest.version:
            return None  # it has become the champion: nothing is compared with itself
        if (other.plan, other.manifest.scaling) != (model.plan, model.manifest.scaling):
            what = "it reads other features, or its points are on another scale"
            self._refuse("challenger", Refusal(what, what, first=True))
            return None
        return replace(other, policy=policy)

    def _model(self, alias: str) -> Followed[Served | None]:
        place = self._place

        def take() -> tuple[int, Served | None]:
            last = last_pointer(place.exports, place.name, place.keys, alias)
            if last is not None and last.withdrawn and alias != "champion":
                return last.sequence, None
            pointer = read_champion(place.exports, place.name, place.keys, alias)
            folder = place.exports / place.name / str(pointer.version)
            model = served(load_export(folder, place.keys))
            self._warm(model)
            return pointer.sequence, model

        return Followed(alias, pointer_path(place.exports, place.name, alias), take)

    def _tell(self, one: Followed[Any]) -> None:
        value: Any = one.value
        if value is None:
            kind, facts = f"{one.name}_withdrawn", {"name": self._place.name}
        else:
            kind, facts = told_of(one.name, value)
        log.info("%s: %s", kind, facts)
        self._notice(kind, facts | {"sequence": one.sequence})

    def _remedy(self) -> str:
        if self.trouble in (LOADING, ""):
            return "ask again in a moment"
        if self.trouble == NO_CHAMPION:
            return f"promote a version: finmodel promote {self._place.name}"
        return "find out what happened to the export, then promote or roll back"

    def _refuse(self, name: str, refusal: Refusal) -> None:
        if not refusal.first:
            return
        kept = self._served.manifest.version if self._served else None
        log.error("a %s is refused, version %s stays: %s", name, kept, refusal.why)
        kind = "export_refused" if name == "champion" else f"{name.split(chr(39))[0]}_refused"
        facts = {"name": self._place.name, "why": refusal.why, "kept_version": kept}
        self._notice(kind, facts)


@lru_cache(maxsize=8)
def past_version(exports: Path, name: str, version: int, keys: Path) -> Served:
    """A version as it was exported, for replaying what it decided."""
    return served(load_export(exports / name / str(version), keys))


def told_of(name: str, value: Served | PolicyVersion | Switch) -> tuple[str, dict[str, Any]]:
    """What is recorded of a thing that was taken into service."""
    if isinstance(value, Switch):
        told = {"name": value.name, "off": list(value.off), "reason": value.reason}
        return "switch_in_service", told
    about = value.about if isinstance(value, PolicyVersion) else value.manifest
    kind = "model" if name == "champion" else name
    return f"{kind}_in_service", {"name": about.name, "version": about.version}
