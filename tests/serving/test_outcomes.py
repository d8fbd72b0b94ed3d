"""Outcomes in a lender's own words, of decisions that were imported."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finmodel import outcome_files
from finmodel.audit import AuditLog, scan
from finmodel.clock import micros, parse_time
from finmodel.errors import NoRoom, NotReady
from finmodel.records import Person
from finmodel.settings import Settings
from serving.not_used import Asked
from serving.outcomes import load_outcomes
from serving.past_decisions import load_decisions
from tests.risk.logged_decisions import Decided, log_decisions
from tests.serving.past_lender import MAPPING, NOW, make_lender
from tests.serving.warm_shell import _FORKING

ANALYST = Person("Lin", frozenset({"analyst"}))


@pytest.fixture
def lender(tmp_path):
    made = make_lender(tmp_path / "lender", 40)
    path = made.write("审批.csv", made.decisions)
    load_decisions(made.settings, path, ANALYST, Asked(made.mapping))
    return made


def load(lender, rows, outcomes=None, dry_run=False):
    """Load rows of outcomes, with a part of the mapping of their own."""
    before, _, _ = MAPPING.partition("outcomes:")
    if outcomes is not None:
        lender.mapping.write_text(f"{before}outcomes:\n{outcomes}")
    path = lender.write("rows.csv", pd.DataFrame(rows))
    asked = Asked(lender.mapping, dry_run=dry_run)
    return load_outcomes(lender.settings, path, ANALYST, asked=asked)


def test_months_on_book_are_seen_at_their_months_end(lender):
    table = lender.decisions.head(3)
    rows = {"申请编号": table["申请编号"], "账龄": [0, 3, None], "逾期天数": [0, 40, 0]}
    told = load(lender, rows, "  {application_id: 申请编号, months_on_book: 账龄, dpd: 逾期天数}\n")
    assert (told.new, told.refused) == (2, 1)
    assert told.not_used[0].reason == "it does not say its months on book"
    kept = outcome_files.kept_in(lender.settings.outcomes)
    decided = [pd.Period(one, freq="M") for one in table["审批时间"].str[:7]]
    months = [decided[0] + 1, decided[1] + 4]
    ends = [micros(parse_time(f"{one}-01T00:00:00+08:00")) - 1 for one in months]
    assert sorted(kept.observed_us.tolist()) == sorted(ends)


def test_buckets_and_the_lenders_own_limit_say_what_is_bad(lender):
    rows = {
        "申请编号": lender.decisions["申请编号"].head(4),
        "观察日": "2006-05-01 00:00:00",
        "状态": ["M0", "M1", "M2", "M9"],
    }
    words = "{column: 状态, values: {M0: 0, M1: 15, M2: 45}, bad_from: 30}"
    told = load(
        lender, rows, f"  application_id: 申请编号\n  observed_at: 观察日\n  dpd: {words}\n"
    )
    assert (told.new, told.refused) == (3, 1)
    assert "dpd is none of the words" in told.not_used[0].reason
    kept = outcome_files.kept_in(lender.settings.outcomes)
    assert sorted(zip(kept.dpd.tolist(), kept.bad.tolist(), strict=True)) == [
        (0, -1),
        (15, -1),
        (45, 1),
    ]


def test_an_outcome_before_its_imported_decision_or_of_none_is_refused(lender):
    rows = lender.outcomes.head(3).assign(首=1)
    rows.loc[0, "观察日"] = "2003-01-01 00:00:00"
    rows.loc[1, "申请编号"] = "nobody"
    told = load(lender, rows)
    assert (told.new, told.refused) == (1, 2)
    reasons = [one.reason for one in told.not_used]
    assert reasons[0] == "it was seen before the decision"
    assert "no decision on this application" in reasons[1]
    listed = pd.read_csv(told.not_used_in)
    assert listed[["row", "line"]].to_numpy().tolist() == [[1, 2], [2, 3]]


def test_a_dry_run_keeps_nothing(lender):
    told = load(lender, lender.outcomes, dry_run=True)
    assert (told.new, told.kept_in) == (40, "")
    assert not lender.settings.outcomes.exists()
    assert told.said.startswith("nothing was loaded")


def test_looks_of_one_application_are_kept_each(lender):
    once = lender.outcomes.head(1)
    later = once.assign(观察日="2006-05-20 00:00:00")
    told = load(lender, pd.concat([once, later, once]))
    assert (told.new, told.known) == (2, 1)
    assert np.unique(outcome_files.kept_in(lender.settings.outcomes).application).size == 1


def test_the_option_says_how_a_file_is_written_where_the_mapping_says_otherwise(lender):
    path = lender.write("utf8.csv", lender.outcomes, "utf-8-sig")
    told = lender.load("outcomes", path)
    assert told.code == 2
    assert (
        "it is not gbk text; name its encoding, such as utf-8-sig (CSV UTF-8): `encoding` in a"
        " recipe or a mapping, --encoding" in " ".join(told.err.split())
    )
    told = lender.load("outcomes", path, "--encoding", "utf-8-sig")
    assert (told.code, told.json["new"]) == (0, 40)
    half = lender.folder / "half.csv"
    lender.outcomes.to_csv(half, index=False, sep=";", encoding="gbk")
    told = lender.load("outcomes", half, "--separator", ";")
    assert (told.code, told.json["known"]) == (0, 40), (
        "what the option leaves unsaid, the mapping says"
    )


def entered(settings):
    """The files of outcomes that the audit log names, and those that are there."""
    named = {entry.body["file"] for entry in scan(settings.audit, "outcomes_loaded")}
    return named, {one.name for one in settings.outcomes.glob("outcomes-*")}


def kill_at(settings, path, mapping, stage):
    """Load, and be killed before the entry or after it."""

    def killed(*told):
        if told[:1] in ((stage,), ()):
            os.kill(os.getpid(), signal.SIGKILL)

    if stage == "before":
        AuditLog.append = lambda log, *told: killed()
    load_outcomes(settings, path, ANALYST, killed, asked=Asked(mapping))


@pytest.mark.parametrize("stage", ["before", "load entered in the audit log"])
def test_who_is_killed_in_the_middle_leaves_no_outcomes_that_no_entry_names(lender, stage):
    path = lender.write("rows.csv", lender.outcomes)
    child = _FORKING.Process(target=kill_at, args=(lender.settings, path, lender.mapping, stage))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(outcome_files.kept_in(lender.settings.outcomes)) == 0
    assert load(lender, lender.outcomes).new == 40, "it can be loaded again"
    named, there = entered(lender.settings)
    assert named == there
    assert len(list(lender.settings.outcomes.iterdir())) == 1, "nothing is left aside"


def test_outcomes_that_the_audit_log_has_no_room_for_are_not_kept(lender, monkeypatch):
    def full(log, *told):
        raise NoRoom("there is no room left on the disk", where="000001.log", remedy="make room")

    with monkeypatch.context() as only:
        only.setattr(AuditLog, "append", full)
        with pytest.raises(NoRoom):
            load(lender, lender.outcomes)
    assert load(lender, lender.outcomes).new == 40
    named, there = entered(lender.settings)
    assert named == there


def hold_in_the_middle(settings, path, reached, go_on):
    def wait(*_):
        reached.set()
        go_on.wait(60)

    load_outcomes(settings, path, ANALYST, wait)


def test_of_two_loads_at_once_where_nothing_was_imported_one_waits(tmp_path):
    settings = Settings(home=tmp_path / "home", data=tmp_path, standing_clock=NOW)
    settings.make_home()
    decided = Decided(day=np.arange(3.0), raw=np.full(3, -2.0), vector=np.zeros((3, 3)))
    log_decisions(settings, parse_time("2005-01-01T00:00:00+08:00"), [decided])
    files: list[Path] = []
    for bad in (0, 1):
        rows = {"application_id": decided.applications, "observed_at": "2006-01-01T00:00:00+08:00"}
        files.append(tmp_path / f"bad_{bad}.csv")
        pd.DataFrame(rows).assign(bad=bad).to_csv(files[-1], index=False)
    reached, go_on = _FORKING.Event(), _FORKING.Event()
    told = settings, files[0], reached, go_on
    child = _FORKING.Process(target=hold_in_the_middle, args=told)
    child.start()
    assert reached.wait(60)
    try:
        with pytest.raises(NotReady, match="another load is under way"):
            load_outcomes(settings, files[1], ANALYST)
    finally:
        go_on.set()
        child.join(60)
    assert child.exitcode == 0
    assert load_outcomes(settings, files[1], ANALYST).refused == 3
    assert outcome_files.kept_in(settings.outcomes).bad.tolist() == [0, 0, 0]
