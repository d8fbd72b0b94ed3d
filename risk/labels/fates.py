"""What became of whom: observation points, and an outcome for each as a recipe's rule says.

A book of loans and a rule come in; rows (account, observation point, cohort) and their outcomes go
out. An outcome rests only on what happened at or after the observation point and before the
window's end; whether a row counts at all only on what was known at that point. Whose window is not
over is 'not mature', and who is looked at no more before its end is excluded: neither is good.
Pure arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.lender.chance import Purpose, keys_of, uniform
from finmodel.months import Months
from finmodel.records import Int64s
from risk.labels.book import Book
from risk.labels.delays import DAY
from risk.labels.holding import holds
from risk.labels.rule import LabelRule, month_name
from risk.labels.words import Exclusion, Outcome

NOT_FOLLOWED = "no performance is told"
NOTHING_OWED = "holds no loan at observation"
STOPPED = "not followed to the end of the window"


class Fate(IntEnum):
    """What a row counts as."""

    GOOD = 0
    BAD = 1
    INDETERMINATE = 2
    EXCLUDED = 3
    NOT_MATURE = 4


_AS_FAR_AS_SEEN = (Fate.GOOD, Fate.INDETERMINATE)
"""What a later look might have made bad."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """n rows: whom to look at, and when."""

    account: Int64s
    """Places in the book."""
    at_us: Int64s
    """The observation point: features are as of then."""
    cohort: Int64s
    """Months since January 1970; the month is mob 0."""

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True)
class CohortCount:
    """What became of one month's rows."""

    cohort: str
    observed: int
    good: int
    bad: int
    indeterminate: int
    excluded: int
    not_mature: int
    bad_rate: float | None
    """Of good and bad; None where there is neither."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """n rows with their fates."""

    observed: Observed
    fate: npt.NDArray[np.int8]
    excluded: dict[str, int]
    """Rows by the first exclusion that holds."""

    def rows(self, *fates: Fate) -> Int64s:
        """Places of the rows of some fates, in order."""
        return np.flatnonzero(np.isin(self.fate, fates))

    def by_cohort(self) -> list[CohortCount]:
        """Every month from the first to the last, those without a row too."""
        cohort = self.observed.cohort
        if not len(cohort):
            return []
        first = int(cohort.min())
        counts = np.zeros((int(cohort.max()) - first + 1, len(Fate)), np.int64)
        np.add.at(counts, (cohort - first, self.fate), 1)
        return [_count(first + place, row) for place, row in enumerate(counts.tolist())]


def observe(book: Book, rule: LabelRule, months: Months) -> Observed:
    """Whom the rule looks at and when: each account at most once.

    At month's ends an account's one month is drawn by its id, whatever became of it: were it drawn
    among those in which it may be looked at, the rows would know the future. Who holds no loan then
    is looked at too, and excluded by `label`.
    """
    if rule.observation != "month_end":
        at_us, cohort = book.opened.at_us, months.of(book.opened.at_us)
        first, last = rule.cohorts.within((int(cohort.min()), int(cohort.max())))
        kept = (cohort >= first) & (cohort <= last)
    else:
        begun = int(months.of(book.opened.at_us.min(keepdims=True))[0])
        ended = int(months.of(np.array([book.known_to_us]))[0]) - 1
        first, last = rule.cohorts.within((begun, ended))
        cohort = first + _drawn(book.ids, rule.seed, last - first + 1)
        at_us = months.ends(cohort)
        kept = (book.opened.known_us <= at_us) & (first <= last)
    if not kept.any():
        what = f"no account is seen from {month_name(first)} to {month_name(last)}"
        raise BadInput(what, where="label.cohorts", remedy="name months that have loans")
    account = np.flatnonzero(kept)
    return Observed(account, at_us[kept], cohort[kept])


def labels_by(rule: LabelRule, book: Book) -> Labels:
    """Every row of a book that a rule looks at, with its fate."""
    months = Months(rule.calendar)
    return label(book, rule, months, observe(book, rule, months))


def label(book: Book, rule: LabelRule, months: Months, observed: Observed) -> Labels:
    """Each row's fate."""
    fate = np.full(len(observed), Fate.GOOD, np.int8)
    if rule.indeterminate_outcome is not None:
        fate[_came(book, rule.indeterminate_outcome, rule, months, observed)] = Fate.INDETERMINATE
    fate[_came(book, rule.bad_outcome, rule, months, observed)] = Fate.BAD
    over = mature(book, rule, months, observed.cohort)
    fate[~over] = Fate.NOT_MATURE
    left = np.ones(len(observed), np.bool_)
    excluded: dict[str, int] = {}
    if book.of_snapshots:
        # Before its window is over, silence about a loan says nothing: it is not mature.
        left[:] = ~over | np.isin(observed.account, book.billed.account)
        excluded[NOT_FOLLOWED] = int((~left).sum())
    if rule.observation == "month_end":
        left &= holds(book, observed.account, observed.at_us)
        excluded[NOTHING_OWED] = int((~left).sum())
    for text, exclusion in rule.exclusions:
        out = left & _left_out(book, exclusion, months, observed)
        excluded[text] = int(out.sum())
        left &= ~out
    stopped = left & _stopped(book, rule, months, observed) & np.isin(fate, _AS_FAR_AS_SEEN)
    if stopped.any():
        excluded[STOPPED] = int(stopped.sum())
    left &= ~stopped
    fate[~left] = Fate.EXCLUDED
    return Labels(observed, fate, excluded)


def mature(book: Book, rule: LabelRule, months: Months, cohort: Int64s) -> npt.NDArray[np.bool_]:
    """Whether each cohort's window is over and late news of it has come in."""
    ends = months.ends(cohort + rule.window) + rule.settle_days * DAY
    over: npt.NDArray[np.bool_] = ends <= book.known_to_us
    return over


def require_both(labels: Labels, where: str) -> None:
    """BadInput, with what the rows are instead, where there are not both goods and bads."""
    good, bad = len(labels.rows(Fate.GOOD)), len(labels.rows(Fate.BAD))
    if good and bad:
        return
    counts = {fate.name.lower().replace("_", " "): len(labels.rows(fate)) for fate in Fate}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    raise BadInput(
        f"of {len(labels.observed)} rows there are not both goods and bads ({told})",
        where=where,
        remedy="name earlier cohorts, a shorter window, or give more loans",
    )


def _came(
    book: Book, outcome: Outcome, rule: LabelRule, months: Months, observed: Observed
) -> npt.NDArray[np.bool_]:
    """Whether an outcome came true from the observation point on."""
    delays = book.delays
    end = months.ends(observed.cohort + (outcome.mob or rule.window))
    if outcome.how == "at":
        days = delays.at(observed.account, end - 1)
    else:
        if outcome.how == "fpd":
            delays = delays.of_first_bill(book.first_due_us)
        days = delays.worst_between(observed.account, observed.at_us, end)
    came: npt.NDArray[np.bool_] = days >= outcome.days
    return came


def _stopped(
    book: Book, rule: LabelRule, months: Months, observed: Observed
) -> npt.NDArray[np.bool_]:
    """Whose last look is before the window's last month; of events, silence says that all is well.

    A look within that month counts as one at its end.
    """
    stopped: npt.NDArray[np.bool_] = book.last_look_us[observed.account] < months.ends(
        observed.cohort + rule.window - 1
    )
    return stopped


def _left_out(
    book: Book, exclusion: Exclusion, months: Months, observed: Observed
) -> npt.NDArray[np.bool_]:
    account, at_us, least = observed.account, observed.at_us, exclusion.least
    if exclusion.how == "young":
        return observed.cohort - months.of(book.opened.at_us[account]) < least
    known = book.delays_as_known
    if exclusion.how == "at":
        return known.at(account, at_us) >= least
    return known.worst_between(account, np.zeros_like(at_us), at_us + 1) >= least


def _drawn(ids: Int64s, seed: int, months: int) -> Int64s:
    """A month of so many for each id, the same for the same seed."""
    return (uniform(keys_of(seed, ids), Purpose.TRAIT) * months).astype(np.int64)


def _count(cohort: int, counts: list[int]) -> CohortCount:
    good, bad = counts[Fate.GOOD], counts[Fate.BAD]
    rate = bad / (good + bad) if good + bad else None
    return CohortCount(
        cohort=month_name(cohort),
        observed=sum(counts),
        good=good,
        bad=bad,
        indeterminate=counts[Fate.INDETERMINATE],
        excluded=counts[Fate.EXCLUDED],
        not_mature=counts[Fate.NOT_MATURE],
        bad_rate=rate,
    )
