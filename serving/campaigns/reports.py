"""Receipts taken in and a campaign's report made: out of the ledger, a plan's folder and events.

Settings, a campaign's name and a file come in; a record goes out. The report is kept beside the
plans as JSON, where the console finds it without computing it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from feature_store.archived_events import happened
from finmodel.acts import audited
from finmodel.clock import micros
from finmodel.durable import disk_error, replace_file
from finmodel.errors import BadInput, NotReady
from finmodel.records import Float32s, Person
from finmodel.settings import Settings
from finmodel.table_files import is_csv, lines_of
from marketing.campaign.expected import treatment_of
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.recipe_file import campaign_in
from marketing.ledger.contacts import never_planned, plans_of
from marketing.ledger.file import has_ledger, open_ledger
from marketing.ledger.receipts import counts_of, record
from marketing.outcome.measure import DAY_US, Responses
from marketing.outcome.report import Basis, CampaignReport, Rows, report_of
from serving.campaigns.files import read_receipts, read_responses
from serving.campaigns.folder import read_plan
from serving.campaigns.plan import PlanFile, report_file
from serving.not_used import require_some as require_rows

TAKERS = frozenset({"analyst", "engineer"})
SHOWN = 1_000
"""So many refused rows are told one by one; the others are counted."""
LINES = 20
"""So many lines stand in a sentence."""


@dataclass(frozen=True, slots=True)
class RowTold:
    """A receipt of which something is to be said."""

    line: int
    """Of a CSV, as a person counts; the row of a Parquet file."""
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipts:
    """What was done with a file of receipts."""

    rows: int
    new: int
    known: int
    refused: int
    opted_out: int
    sent_outside_window: int
    sent_after_stop: int
    """To customers who had opted out or complained before."""
    stops_lost: list[int]
    """Lines of opt-outs and complaints that stop nobody."""
    noted: list[RowTold]
    """Opt-outs and complaints that hold, though not as they stand in the file."""
    not_used: list[RowTold]
    """Those that should have stopped somebody first."""


def take_receipts(settings: Settings, file: Path, person: Person) -> Receipts:
    """Keep a file's receipts, each once; rows that cannot be used are told, the others kept."""
    told, now = read_receipts(file), settings.clock.now()
    with closing(open_ledger(settings)) as ledger:
        done = record(ledger, told, micros(now))
    shown = [*done.lost, *sorted(done.refused.keys() - set(done.lost))][:SHOWN]
    noted = sorted(done.noted)[:SHOWN]
    lines = lines_of(file, ",", "utf-8-sig") if (shown or noted) and is_csv(file) else []

    def line(row: int) -> int:
        return lines[row] if row < len(lines) else row + 1

    taken = Receipts(
        rows=done.rows,
        new=done.new,
        known=done.known,
        refused=len(done.refused),
        opted_out=done.opted_out,
        sent_outside_window=done.sent_outside_window,
        sent_after_stop=done.sent_after_stop,
        stops_lost=[line(row) for row in done.lost],
        noted=[RowTold(line(n), told[n].event_id[:128], done.noted[n]) for n in noted],
        not_used=[RowTold(line(n), told[n].event_id[:128], done.refused[n]) for n in shown],
    )
    if done.new:
        facts = {"by": person.name, "new": done.new, "refused": taken.refused}
        digest = sha256(file.read_bytes()).hexdigest()
        facts |= {"opted_out": done.opted_out, "file_sha256": digest}
        audited(settings, "receipts_taken_in", facts)
    return taken


def require_some(taken: Receipts, file: Path) -> None:
    """BadInput where somebody said stop and nobody was stopped, or no row of the file is kept."""
    if lost := taken.stops_lost:
        lines = ", ".join(map(str, lost[:LINES])) + (" …" if len(lost) > LINES else "")
        raise BadInput(
            f"{len(lost):,} of its opt-outs and complaints stop nobody, on {_lines(file)} {lines}",
            where=str(file),
            remedy="find out who said so, and give a contact_id or customer_id of the ledger; "
            "the other rows are kept",
        )
    require_rows(taken.rows, taken.new + taken.known, taken.refused, file)


def _lines(file: Path) -> str:
    return "lines" if is_csv(file) else "rows"


def make_report(
    settings: Settings, campaign: str, number: int | None = None, outcomes: Path | None = None
) -> CampaignReport:
    """The report of a campaign's plan, of its newest if none is named; kept beside the plans."""
    if not has_ledger(settings):
        raise never_planned(campaign)
    with closing(open_ledger(settings)) as ledger:
        plans = plans_of(ledger, campaign)
        number = plans[-1].number if number is None else number
        about, table, text = read_plan(settings, campaign, number)
        receipts = counts_of(ledger, about.plan_id)
    recipe = campaign_in(text, Path(f"campaign {campaign}, plan {number}"))
    rows = _rows(table, about)
    now = micros(settings.clock.now())
    if outcomes is None:
        told, archived_us = _from_archive(settings, recipe, rows, now)
    else:
        told, archived_us = read_responses(outcomes), None
    basis = Basis(
        recipe=recipe,
        ways=about.ways,
        effects=tuple(treatment_of(recipe, about.treatments)),
        summary=about.summary,
        policy_version=about.policy_version,
        now_us=now,
        receipts=receipts,
        before=_before(settings, campaign, number, rows.score_names),
        observational=about.observational,
        archived_us=archived_us,
    )
    report = report_of(basis, rows, told)
    _keep(settings, report)
    return report


def _keep(settings: Settings, report: CampaignReport) -> None:
    path = report_file(settings, report.campaign, report.number)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, path) from error
    replace_file(path, msgspec.json.format(msgspec.json.encode(report), indent=2))


def _rows(table: pa.Table, about: PlanFile) -> Rows:
    names = ("score", *(f"effect:{name}" for name in about.treatments), "points")

    def column(name: str) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
        found: np.ndarray[tuple[int], np.dtype[np.generic]] = table[name].to_numpy()
        return found

    scores = np.stack([column(name) for name in names], axis=1)
    return Rows(
        customer=column("customer_id").astype(np.int64),
        lanes=column("lane").astype(np.int8),
        action=column("action").astype(np.int64),
        planned=column("planned").astype(np.int64),
        allowed=column("allowed").astype(np.int64),
        propensity=column("propensity").astype(np.float64),
        opens_us=column("opens_us").astype(np.int64),
        uplift=column("uplift").astype(np.float64),
        scores=scores.astype(np.float32),
        score_names=names,
    )


def _before(
    settings: Settings, campaign: str, number: int, names: tuple[str, ...]
) -> Float32s | None:
    """The scores of the plan before, where there is one of the same treatments."""
    if number == 1:
        return None
    about, table, _ = read_plan(settings, campaign, number - 1)
    before = _rows(table, about)
    return before.scores if before.score_names == names else None


def _from_archive(
    settings: Settings, recipe: CampaignRecipe, rows: Rows, now: int
) -> tuple[Responses, int]:
    """The responses, and up to when they are archived; NotReady where none ever was."""
    since = int(rows.opens_us.min(initial=now))
    until = int(rows.opens_us.max(initial=0)) + recipe.response.within_days * DAY_US
    found = happened(settings, recipe.response.event, since, until)
    if found.known_us is None:
        raise NotReady(
            f"it holds no {recipe.response.event}, which would be a response",
            where=f"archive {settings.archive}",
            remedy="archive the log's events: finmodel archive; or name --outcomes FILE",
        )
    return Responses(found.customer, found.at_us), found.known_us
