"""`finmodel consistency`: sampled customers' features online against the log that they came from.

Comes in: settings, where the log is, a share of the customers. Goes out: what differs, of customers
under pseudonyms, and an error if anything does. How features are computed and compared is the
feature store's business. Nothing is written, neither to the store nor to the log.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import asdict

from feature_store.archive_key import Archive, found_archive
from feature_store.consistency import check
from feature_store.consistency_report import Consistency
from feature_store.consistency_sample import Sample
from feature_store.dead_letters import PassedOver
from feature_store.pseudonyms import KEY_BYTES
from feature_store.store import open_store, window_plans
from feature_store.stored_sample import stored_sample
from finmodel.errors import Damaged, NotReady
from finmodel.progress import Progress
from finmodel.settings import Settings
from serving.screen import emit
from serving.streaming import Source, open_log


def check_consistency(
    settings: Settings, source: Source, share: float, progress: Progress | None = None
) -> Consistency:
    """Compare a share of the customers; workers may count meanwhile.

    NotReady if there is no store, no log or nothing in them that can be compared.
    """
    sample, plans = Sample(share), window_plans(open_store(settings))
    with ExitStack() as stack:
        log, _ = open_log(settings, source, stack, PassedOver())
        stored = stored_sample(settings, sample)
        found = check(log, stored, plans, sample, _names(settings).pseudonyms, progress)
    if not found.features and not found.differing:
        notes = sorted({one.note for one in found.views if one.note})
        raise NotReady(
            "nothing could be compared" + "".join(f"; {note}" for note in notes),
            where="online features",
            remedy="count the log with `finmodel stream` first",
        )
    return found


def show(found: Consistency, as_json: bool) -> None:
    """Everything as JSON, or for a person a table of the views and one of what differs."""
    if as_json:
        emit(found, True)
        return
    rows = [asdict(one) for one in found.views]
    emit([{name: row[name] for name in row if name != "differences"} for row in rows], False)
    differences = [line for one in found.views for line in one.differences]
    if differences:
        emit(differences, False)


def tell_apart(found: Consistency) -> None:
    """Damaged if anything differs."""
    if found.differing:
        raise Damaged(
            f"{found.differing} of {found.vectors} sampled vectors are not what the log says"
            f" ({found.rate:.2%})",
            where="online features",
            remedy="stop deciding by them, find out why, and rebuild the store from the log",
        )


def _names(settings: Settings) -> Archive:
    """The archive's pseudonyms, so that its keeper can look; others where there is no archive."""
    return found_archive(settings) or Archive(settings.archive, secrets.token_bytes(KEY_BYTES))
