"""The model in service: which export the signed pointer names, verified, warm, and swapped at once.

A thread looks at the pointer every second, off the path of requests. An export that does not hold
is refused loudly, and what was served before is still served. Knows no request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from feature_store.plan import ServicePlan, plan_from
from finmodel.errors import Damaged, FinmodelError, NotReady
from finmodel.export import ExportedModel, load_export, pointer_path, read_champion
from finmodel.manifest import Manifest
from finmodel.scorer import Scorer
from risk.reasons import ReasonTable, reason_table

log = logging.getLogger("bentoml.finmodel")

NO_CHAMPION = "no version is champion"
LOADING = "the model is being loaded"
LOOK_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""An export that was refused is tried again so often, should the fault have passed by itself."""

Warm = Callable[["Served"], None]
"""Runs a model once, so that no request waits for a kernel to be compiled."""
Notice = Callable[[str, dict[str, Any]], None]
"""Told of each model taken in or refused: what happened, and the facts."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A verified model with all that a judgement needs; never changed, only replaced."""

    manifest: Manifest
    scorer: Scorer
    plan: ServicePlan
    views: tuple[str, ...]
    reasons: ReasonTable


def served(exported: ExportedModel) -> Served:
    """A verified export with its plan and its reasons; Damaged where it lacks either."""
    manifest = exported.manifest
    told = {feature for group in manifest.reasons for feature in group.features}
    lacks = "a feature service" if not manifest.plan else ""
    if silent := sorted(set(manifest.features) - told):
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
    return Served(manifest, exported.scorer, plan, plan.view_names, table)


@lru_cache(maxsize=8)
def past_version(exports: Path, name: str, version: int, keys: Path) -> Served:
    """A version as it was exported, for replaying what it decided."""
    return served(load_export(exports / name / str(version), keys))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the exports of one model lie, and the key that they are signed with."""

    exports: Path
    name: str
    keys: Path


class Live:
    """The champion of one name: `current()` now, followed by a thread between start and stop."""

    def __init__(self, place: Place, warm: Warm, notice: Notice) -> None:
        self._place, self._warm, self._notice = place, warm, notice
        self._served: Served | None = None
        self._sequence = -1
        self._seen: tuple[int, int, int] | None = None
        self._again = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="live", daemon=True)
        self.trouble = LOADING
        """Why the pointer's model is not the one in service; empty while all is well."""

    def start(self) -> None:
        """Begin to follow the pointer."""
        self._thread.start()

    def stop(self) -> None:
        """Follow it no more."""
        self._stop.set()
        self._thread.join()

    @property
    def follows(self) -> bool:
        """Whether the thread that follows the pointer is alive."""
        return self._thread.is_alive()

    @property
    def serving(self) -> Served | None:
        """The model in service, or None before the first."""
        return self._served

    def current(self) -> Served:
        """The model in service. Whoever holds it keeps it, whatever is promoted meanwhile."""
        if self._served is None:
            raise NotReady(
                self.trouble,
                where=f"model {self._place.name}",
                remedy=self._remedy(),
            )
        return self._served

    def _remedy(self) -> str:
        if self.trouble == LOADING:
            return "ask again in a moment"
        if self.trouble == NO_CHAMPION:
            return f"promote a version: finmodel promote {self._place.name}"
        return "find out what happened to the export, then promote or roll back"

    def look(self) -> None:
        """Take in what the pointer names, if it is another than before."""
        place = self._place
        try:
            stat = pointer_path(place.exports, place.name, "champion").stat()
        except FileNotFoundError:
            self.trouble = NO_CHAMPION
            return
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen == self._seen and not (self.trouble and time.monotonic() >= self._again):
            return
        try:
            self._take_in()
        except FinmodelError as error:
            self._refuse(error.what, str(error), first=seen != self._seen)
        except OSError as error:
            what = f"it cannot be read ({error.strerror})"
            self._refuse(what, what, first=seen != self._seen)
        self._seen = seen

    def _follow(self) -> None:
        self.look()
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def _take_in(self) -> None:
        place = self._place
        pointer = read_champion(place.exports, place.name, place.keys)
        if pointer.sequence < self._sequence:
            raise Damaged(
                f"an older pointer came back (number {pointer.sequence} after {self._sequence})",
                where=f"champion of {place.name}",
                remedy="find out who replaced the file; then promote or roll back again",
            )
        folder = place.exports / place.name / str(pointer.version)
        model = served(load_export(folder, place.keys))
        self._warm(model)
        self._served, self._sequence, self.trouble = model, pointer.sequence, ""
        log.info("%s version %s is in service", place.name, pointer.version)
        facts = {"name": place.name, "version": pointer.version, "sequence": pointer.sequence}
        self._notice("model_in_service", facts)

    def _refuse(self, what: str, why: str, first: bool) -> None:
        kept = self._served.manifest.version if self._served else None
        self.trouble, self._again = f"the champion: {what}", time.monotonic() + RETRY_SECONDS
        if first:
            name = self._place.name
            log.error("%s: a champion is refused, version %s stays: %s", name, kept, why)
            self._notice("export_refused", {"name": name, "why": why, "kept_version": kept})
