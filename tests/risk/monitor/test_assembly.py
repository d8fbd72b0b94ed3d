"""Panels over a small log of the real writer, against DuckDB's SQL and scikit-learn."""

from dataclasses import replace
from datetime import timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from finmodel.clock import micros, parse_time
from finmodel.decision_series import Series
from finmodel.errors import BadInput
from finmodel.outcomes import Outcomes
from finmodel.settings import Settings
from risk.labels.delays import DAY
from risk.monitor.assembly import Seen, monitor
from risk.monitor.challenger import Version, challenged
from risk.monitor.followed import Window, follow, vintages
from risk.monitor.periods import cut
from risk.monitor.points import variables_of
from risk.monitor.reference import BuildSample, reference_of
from risk.monitor.scan import Asked, Decisions, scan_decisions
from risk.monitor.sheets import header_lines, sheets
from tests.risk.logged_decisions import (
    NAMES,
    Decided,
    at_us,
    log_decisions,
    points_of,
    stand_in_of,
)

START = parse_time("2026-01-01T00:00:00+08:00")
END = START + timedelta(days=280)
ROWS = 3_000


def decided(rng, rows, days, moved=0.0, **told):
    vector = rng.normal(size=(rows, 3))
    vector[rng.random(rows) < 0.1, 1] = np.nan
    vector[:, 0] += moved
    raw = -1.5 + vector[:, 0] + 0.5 * np.nan_to_num(vector[:, 1])
    day = np.sort(rng.uniform(*days, rows))
    return Decided(day=day, raw=raw, vector=vector, **told)


def reference(rng):
    built = decided(rng, 8_000, (0, 1))
    labels = (rng.random(8_000) < 1 / (1 + np.exp(-built.raw))).astype(float)
    matrix = built.vector.astype(np.float32)
    contributions = np.column_stack([built.vector, built.raw])
    return reference_of(
        BuildSample(NAMES, matrix, points_of(built.raw), labels, np.nan_to_num(contributions)),
        "build sample",
    )


def outcomes_of(settings, part, rng):
    """What became of a part: looks after one month, two months and 185 days."""
    bad = rng.random(len(part.raw)) < 1 / (1 + np.exp(-part.raw))
    seen = []
    stand_ins = stand_in_of(settings, part.applications)
    for after, late in ((31, 5), (62, 35), (185, 70)):
        observed = at_us(START, part.day + after)
        dpd = np.where(bad, late, 0).astype(np.int32)
        fpd = np.where(bad, 8, 0).astype(np.int32)  # eight days late, then paid
        nothing = np.full(len(bad), -1, np.int8)
        seen.append(Outcomes(stand_ins, observed, nothing, dpd, fpd))
    told = seen[0].then(seen[1]).then(seen[2])
    return told.only(told.observed_us <= micros(END)).sorted(), bad


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=tmp_path_factory.mktemp("none"))
    settings.make_home()
    rng = np.random.default_rng(6)
    part = decided(rng, ROWS, (0, 270))
    few = decided(rng, 3, (5, 6), product="card", first=90_000)
    other = decided(rng, 40, (0, 10), version=2, first=95_000)
    log_decisions(settings, START, [part, few, other])
    told, bad = outcomes_of(settings, part, rng)
    return settings, reference(rng), part, told, bad


def seen_of(home, *, by="month", end=END, segment=None, outcomes=None, **told):
    settings, built, _, known, _ = home
    periods = cut(START, end, by)
    asked = Asked("card", 1, periods.edges_us, segment or {})
    bins = {one.name: one.bins for one in built.features}
    return Seen(
        asked=asked,
        alias="champion",
        start=START.isoformat(),
        end=end.isoformat(),
        periods=periods.names,
        scanned=scan_decisions(Series(settings.audit), asked, bins),
        reference=built,
        outcomes=known if outcomes is None else outcomes,
        window=Window(micros(END)),
        **told,
    )


@pytest.fixture(scope="module")
def panels(home):
    return monitor(seen_of(home, segment={"product": "cash_loan"}))


@pytest.fixture(scope="module")
def table(home):
    """The same decisions as a table, their labels by SQL from the outcomes."""
    settings, _, part, told, _ = home
    decisions = pd.DataFrame(
        {
            "application": stand_in_of(settings, part.applications),
            "time_us": at_us(START, part.day),
            "points": points_of(part.raw),
            "pd": 1 / (1 + np.exp(-part.raw)),
        }
    )
    seen = pd.DataFrame(
        {"application": told.application, "observed_us": told.observed_us, "dpd": told.dpd}
    )
    window, now = 180 * 86_400_000_000, micros(END)
    with duckdb.connect() as sql:
        sql.register("decisions", decisions)
        sql.register("seen", seen)
        return sql.execute(
            f"""
            with followed as (
              select d.*, max(observed_us) as last,
                coalesce(bool_or(dpd >= 30 and observed_us <= time_us + {window}), false) as late
              from decisions d left join seen using (application) group by all),
            cohort as (
              select *, last >= time_us + {window} as reached,
                date_trunc('week', make_timestamp(time_us + 28800000000)) as week
              from followed),
            looked as (
              select *, count(*) filter (reached) over by_week as through,
                count(*) filter (last is not null and not reached and not late)
                  over by_week as waiting
              from cohort window by_week as (partition by week))
            select *, strftime(make_timestamp(time_us + 28800000000), '%Y-%m') as month,
              case when time_us + {window} > {now} or through < 0.8 * (through + waiting) then null
                   when late then 1 when reached then 0 end as label
            from looked order by time_us
            """
        ).df()


def test_the_header_counts_what_matured(panels, table):
    header = panels.header
    assert (header.n, header.matured) == (ROWS, table.label.notna().sum())
    assert header.bads == (table.label == 1).sum()
    assert header.light.colour == "green", header.light.en
    assert "build sample" in header.reference


def test_quality_by_month_is_scikit_learns_on_matured_decisions_only(panels, table):
    rows = {row.period: row for row in panels.quality.rows}
    assert [name for name, row in rows.items() if row.n] == sorted(table.month.unique())
    judged = 0
    for month, mine in table.groupby("month"):
        row, known = rows[month], mine[mine.label.notna()]
        assert (row.n, row.matured) == (len(mine), len(known))
        assert row.estimated_bad_rate == pytest.approx(mine.pd.mean())
        if row.auc is None:
            assert row.note in ("not_mature", "too_few_bads")
            continue
        judged += 1
        label = known.label.astype(int)
        assert row.auc == pytest.approx(roc_auc_score(label, -known.points))
        assert row.gini == pytest.approx(2 * row.auc - 1)
        parts = known.points[label == 1], known.points[label == 0]
        assert row.ks == pytest.approx(ks_2samp(*parts).statistic)
        assert row.auc_low < row.auc < row.auc_high
    assert judged >= 3
    assert [rows[name].note for name in sorted(rows)[-2:]] == ["not_mature", "no_decisions"]
    assert panels.quality.past_error_auc < 0.05
    assert panels.quality.past_periods == judged


def test_bands_and_calibration_are_those_of_sql(panels, table, home):
    edges = np.array(home[1].points.edges)
    band = np.searchsorted(edges, table.points, side="right")
    matured = table.label.notna()
    bads = 0
    for place, (row, promise) in enumerate(zip(panels.bands, panels.calibration, strict=True)):
        mine = band == place
        known = table[mine & matured]
        bads += (known.label == 1).sum()
        assert (row.n, row.matured) == (mine.sum(), len(known))
        assert row.share == pytest.approx(mine.mean())
        assert row.bad_rate == pytest.approx(known.label.mean())
        assert row.lift == pytest.approx(known.label.mean() / table[matured].label.mean())
        assert row.capture == pytest.approx(bads / (table.label == 1).sum())
        assert row.approval == pytest.approx((table.points[mine] >= 560).mean())
        assert promise.mean_pd == pytest.approx(known.pd.mean())
        assert promise.low <= promise.bad_rate <= promise.high
    assert sum(row.psi_part for row in panels.bands) == pytest.approx(panels.stability.overall.psi)
    assert sum(row.within for row in panels.calibration) >= 8


def test_variables_tell_missing_means_and_contributions(panels, home):
    vector = home[2].vector
    rows = {row.name: row for row in panels.variables}
    assert rows["bills_1"].missing == pytest.approx(np.isnan(vector[:, 1]).mean())
    assert rows["bills_0"].mean == pytest.approx(vector[:, 0].mean(), abs=1e-6)
    assert all(row.status == "stable" for row in rows.values())
    assert all(abs(row.contribution_shift) < 0.35 for row in rows.values() if row.name != "bills_1")
    assert len(rows["bills_0"].trend) == len(panels.quality.rows)


def test_vintages_roll_rates_and_first_payments(panels, home):
    _, _, part, _, bad = home
    january = part.day < 31
    first = panels.vintages.rows[0]
    assert (first.cohort, first.accounts) == ("2026-01", january.sum())
    assert first.rates[0] == 0.0
    assert first.rates[3] == pytest.approx(bad[january].mean())
    assert len(first.rates) == 10
    assert first.rates[9] is None, "October is not over"
    rolls = np.array(panels.vintages.roll_counts)
    rated = np.array(panels.vintages.roll_rates[1], float)
    assert rolls[0, 0] > 1_000
    assert rolls[1, 2] > 500
    assert rated.sum() == pytest.approx(1.0)
    paid = panels.vintages.first_payments[0]
    assert paid.accounts == january.sum()
    assert paid.rates[:2] == pytest.approx([bad[january].mean()] * 2)
    assert paid.rates[2:] == (0.0, 0.0)


def test_ages_states_and_scores_computed_again(home):
    def raw(rows):
        return -1.5 + rows[:, 0].astype(float) + 0.5 * np.nan_to_num(rows[:, 1]).astype(float)

    scanned = seen_of(home).scanned
    version = Version(1, lambda rows: scanned.sample.raw.copy(), points_of, 560.0)
    other = Version(2, lambda rows: -rows[:, 2].astype(float), points_of, 560.0)
    same = monitor(seen_of(home, champion=version, challenger=other))
    assert (same.consistency.differing, same.consistency.largest) == (0, 0.0)
    assert same.consistency.checked > 100
    bills, lateness = same.consistency.views
    assert (bills.age_p50_s, lateness.age_p50_s) == (60.0, 600.0)
    assert (bills.present, lateness.stale) == (1.0, pytest.approx(0.5, abs=0.01))
    told = same.challenger
    assert (told.version, told.n) == (2, same.consistency.checked)
    assert told.champion_auc > 0.65
    assert told.challenger_auc == pytest.approx(0.5, abs=0.15)
    assert sum(cell.n for cell in told.swap) == told.n
    rounded = Version(1, raw, points_of, 560.0)  # float32 features: not the very bits
    wrong = monitor(seen_of(home, champion=rounded))
    assert wrong.consistency.differing > 0
    assert wrong.header.light.colour == "red"
    assert "differ when computed again" in wrong.header.light.en
    assert monitor(seen_of(home)).challenger.note == "no_challenger"


def test_what_the_fallback_card_scored_is_counted_apart_and_in_no_figure_of_the_model(
    tmp_path, home
):
    rng = np.random.default_rng(4)
    parts = [decided(rng, 800, (0, 100)), decided(rng, 1_200, (0, 100), moved=3.0, first=50_000)]
    parts[1].raw[:] = np.nan
    parts[1].card_points = rng.normal(480, 15, 1_200)
    found = []
    for name, mine in (("alone", parts[:1]), ("beside", parts)):
        settings = Settings(home=tmp_path / name, data=tmp_path)
        settings.home.mkdir()
        settings.make_home()
        log_decisions(settings, START, mine)
        told = [outcomes_of(settings, part, np.random.default_rng(8))[0] for part in mine]
        outcomes = told[0] if len(told) == 1 else told[0].then(told[1]).sorted()
        world = (settings, home[1], parts[0], outcomes, None)
        raw = seen_of(world).scanned.sample.raw
        mine = Version(1, lambda rows, raw=raw: raw.copy(), points_of, 560.0)
        other = Version(2, lambda rows: -rows[:, 2].astype(float), points_of, 560.0)
        found.append(monitor(seen_of(world, champion=mine, challenger=other)))
    alone, beside = found
    assert (alone.header.by_card, beside.header.by_card, beside.header.n) == (0, 1_200, 800)
    assert beside.consistency.differing == 0
    assert "1,200" in " ".join(line[2] for line in header_lines(beside))
    assert structs.replace(beside.header, by_card=0) == alone.header
    for panel in ("quality", "bands", "stability", "variables", "calibration", "challenger"):
        assert getattr(beside, panel) == getattr(alone, panel), panel


def test_a_segment_of_3_rows_shows_n_and_no_number(home):
    panels = monitor(seen_of(home, segment={"product": "card"}))
    assert (panels.header.n, panels.header.matured) == (3, 0)
    assert panels.header.light.colour == "grey"
    assert "too few" in panels.header.light.en
    assert all(row.auc is None for row in panels.quality.rows)
    assert panels.stability.overall.psi is None
    assert {row.csi for row in panels.variables} == {None}
    assert {row.note for row in panels.variables} == {"too_few"}
    assert {row.bad_rate for row in panels.calibration} == {None}
    assert all(line for sheet in sheets(panels) for line in sheet.rows)
    figures = ("missing", "sentinel", "unseen", "mean", "contribution", "contribution_shift")
    assert {getattr(row, name) for row in panels.variables for name in figures} == {None}
    figures = ("present", "stale", "missing", "age_p50_s", "age_p99_s")
    views = panels.consistency.views
    assert {getattr(row, name) for row in views for name in figures} == {None}
    assert [row.n for row in views] == [3, 3]


def test_a_few_decisions_show_no_share_of_a_variable_and_no_approval(home):
    for one in variables_of(seen_of(home, segment={"product": "card"})):
        assert {(cell.share, cell.csi_part) for cell in one.cells} == {(None, None)}
        assert sum(cell.n for cell in one.cells) == 3
    version = Version(2, lambda rows: rows[:, 0].astype(float), points_of, 560.0)
    scanned = seen_of(home).scanned
    nobody = np.full(len(scanned.decisions), -1, np.int8)
    for sampled, shown in ((29, False), (30, True)):
        cut = {n: getattr(scanned.sample, n)[:sampled] for n in ("vectors", "raw", "place")}
        few = replace(scanned, sample=replace(scanned.sample, **cut))
        told = challenged(few, nobody, version, version)
        assert told.n == sampled
        assert (told.champion_approval is not None) == shown
        assert (told.challenger_approval is not None) == shown


def test_a_mean_of_a_few_customers_is_none_where_most_have_no_value(home, tmp_path):
    """Of 400 all but 29, then all but 30, have no value; the sample of one in 16 is fewer."""
    for known, shown in ((29, False), (30, True)):
        settings = Settings(home=tmp_path / str(known), data=tmp_path)
        settings.home.mkdir()
        settings.make_home()
        vector = np.full((400, 3), np.nan)
        vector[:known] = 2.0
        log_decisions(settings, START, [Decided(np.zeros(400), np.zeros(400), vector)])
        panels = monitor(seen_of((settings, home[1], None, Outcomes.none(), None)))
        for row in panels.variables:
            assert row.missing == pytest.approx(1 - known / 400)
            assert row.mean == (2.0 if shown else None)
            assert row.contribution is None


def test_the_light_says_what_is_lacking_for_an_auc(home):
    """Too few bads, no look at all, one score: each in its own words, in both languages."""
    told = home[3]
    eight = np.isin(told.application, told.application[:: len(told) // 8][:8])
    rare = replace(told, dpd=np.where(eight, told.dpd, 0))
    few = monitor(seen_of(home, outcomes=rare))
    assert few.header.matured > 30
    assert few.header.bads < 10
    signals = {one.name: one for one in few.header.light.signals}
    assert (signals["auc"].zh, signals["auc"].en) == (
        "AUC：坏样本过少",
        "AUC: too few bads or goods",
    )
    none = monitor(seen_of(home, outcomes=Outcomes.none()))
    signals = {one.name: one for one in none.header.light.signals}
    assert signals["auc"].en == "AUC: not mature"
    assert signals["calibration"].en == "calibration: not mature"
    seen = seen_of(home)
    decisions = replace(seen.scanned.decisions, points=np.full(len(seen.scanned.decisions), 600.0))
    same = monitor(replace(seen, scanned=replace(seen.scanned, decisions=decisions)))
    signals = {one.name: one for one in same.header.light.signals}
    assert signals["auc"].en == "AUC: all scores are equal"


def test_a_month_with_no_decisions_and_none_at_all(home):
    late = END + timedelta(days=60)
    rows = monitor(seen_of(home, end=late)).quality.rows
    assert (rows[-1].n, rows[-1].note, rows[-1].estimated_auc) == (0, "no_decisions", None)
    nothing = monitor(seen_of(home, segment={"product": "none"}))
    assert (nothing.header.n, nothing.header.light.colour) == (0, "grey")
    assert {row.note for row in nothing.variables} == {"no_decisions"}
    assert nothing.vintages.rows == ()


def signals_of(panels):
    return {one.name: one for one in panels.header.light.signals}


@pytest.mark.parametrize(("days", "bad_dpd"), [(30, 30), (180, 60)])
def test_another_definition_of_bad_than_the_builds_is_not_judged(home, days, bad_dpd):
    """Looks come after 31, 62 and 185 days: within 30 nobody can be 30 days late."""
    own = monitor(seen_of(home))
    assert {signals_of(own)[name].colour for name in ("auc", "calibration")} == {"green"}
    seen = seen_of(home)
    other = monitor(replace(seen, window=Window(micros(END), days, bad_dpd)))
    for name in ("auc", "calibration"):
        told = signals_of(other)[name]
        assert (told.colour, told.value) == ("grey", None)
        assert f"bad within {days} days by dpd ≥ {bad_dpd}, at build within 180" in told.en
        assert f"{days} 天、逾期 ≥ {bad_dpd} 天" in told.zh
    assert (other.header.light.colour, own.header.light.doubts_en) == ("green", "")
    assert other.header.light.doubts_en == signals_of(other)["auc"].en
    assert {row.build_bad_rate for row in other.bands} == {None}
    assert {row.within for row in other.calibration} == {None}
    assert {row.note for row in other.calibration} == {"other_definition"}
    assert (other.quality.build_auc, other.quality.past_error_auc) == (None, None)
    assert own.bands[0].build_bad_rate is not None
    assert any("不判断" in line for line in header_lines(other)[-1])


@pytest.mark.parametrize("fact", [{"decision": "approve"}, {"decision": "decline"}])
def test_a_segment_that_the_score_chose_is_not_judged_by_its_score(home, fact):
    panels = monitor(seen_of(home, segment={"product": "cash_loan"} | fact))
    assert panels.header.n > 300
    told = signals_of(panels)
    assert {told[name].colour for name in ("psi", "mean", "csi", "auc")} == {"grey"}
    assert "the score chose this segment (decision)" in told["psi"].en
    assert "评分结果选出" in panels.header.light.doubts_zh
    assert told["calibration"].colour == panels.header.light.colour == "green"
    assert panels.stability.overall.psi > 0.25, "the figure stands, its verdict does not"
    assert panels.stability.overall.status == "not_judged"
    assert {row.status for row in panels.variables} == {"not_judged"}
    (stable,) = (one for one in sheets(panels) if one.en == "Stability")
    assert "不判断 not_judged" in stable.rows[0]
    nothing_told = monitor(seen_of(home, segment=fact, outcomes=Outcomes.none())).header.light
    assert nothing_told.colour == "grey"
    assert "the score chose" in nothing_told.en, "it is not the few rows"


def test_labels_that_have_not_matured_give_no_figure(home):
    panels = monitor(seen_of(home, outcomes=Outcomes.none()))
    assert {row.note for row in panels.quality.rows if row.n} == {"not_mature"}
    assert panels.header.light.colour == "green"
    assert {row.note for row in panels.calibration} == {"not_mature"}
    assert panels.quality.past_error_auc is None
    assert {s.colour for s in panels.header.light.signals if s.name in ("auc", "calibration")} == {
        "grey"
    }


def test_equal_scores_and_a_constant_variable_are_named(tmp_path, home):
    settings = Settings(home=tmp_path, data=tmp_path)
    rng = np.random.default_rng(1)
    part = decided(rng, 400, (0, 30))
    part.raw[:], part.vector[:, 2] = -1.0, 4.0
    log_decisions(settings, START, [part])
    told, _ = outcomes_of(settings, part, rng)
    moved = (settings, home[1], part, told, None)
    panels = monitor(seen_of(moved))
    notes = {row.period: row.note for row in panels.quality.rows}
    assert notes["2026-01"] == "all_scores_equal"
    assert panels.quality.rows[0].auc is None
    constant = next(row for row in panels.variables if row.name == "lateness_0")
    assert (constant.note, constant.status) == ("constant", "shifted")
    assert panels.header.light.colour == "red"
    assert panels.variables[0].name == "lateness_0"
    assert header_lines(panels)


def test_decisions_of_other_features_are_refused_with_the_reason(home):
    settings, built, *_ = home
    asked = Asked("card", 1, cut(START, END, "month").edges_us)
    bins = {one.name: one.bins for one in built.features[:2]}
    with pytest.raises(BadInput, match=r"3,\) features, its reference has 2"):
        scan_decisions(Series(settings.audit), asked, bins)


def test_every_panel_is_a_sheet_with_its_columns_named(panels):
    made = sheets(panels)
    assert len({sheet.zh for sheet in made}) == len(made) == 16
    for sheet in made:
        assert all(len(row) == len(sheet.columns) for row in sheet.rows), sheet.en
        unnamed = [en for zh, en in sheet.columns if zh == en and en.islower() and en != "auc"]
        assert unnamed == [], sheet.en


def test_the_header_is_read_where_the_lender_is_and_in_both_languages(home):
    seen = replace(
        seen_of(home),
        start="2026-01-01T00:00:00.000001+08:00",
        end="2026-10-07T16:00:00.000001+00:00",
        reference=structs.replace(home[1], sample="build sample: 1 × 5 folds"),
    )
    panels = monitor(seen)
    lines = {en: value for _, en, value in header_lines(panels)}
    assert lines["window"] == "2026-01-01T00:00:00+08:00 – 2026-10-08T00:00:00+08:00"
    assert lines["reference"] == "建模样本：1 × 5 折交叉验证 / build sample: 1 × 5 folds"
    assert panels.header.reference_zh == "建模样本：1 × 5 折交叉验证"
    assert panels.header.start.endswith(".000001+08:00"), "JSON tells the window as it was asked"


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(BadInput, match="let it begin before it ends"):
        cut(END, START, "week")
    with pytest.raises(BadInput, match="more than 400 weeks"):
        cut(START, START + timedelta(days=3_000), "week")


def followed_one_by_one(looks, **more):
    """Labels of decisions made on day 0, one look each: (day, dpd, fpd)."""
    n = len(looks)
    days, dpd, fpd = (np.array(one, np.int64) for one in zip(*looks, strict=True))
    decisions = Decisions(
        time_us=np.zeros(n, np.int64),
        period=np.zeros(n, np.int32),
        points=np.zeros(n),
        probability=np.zeros(n),
        answer=np.zeros(n, np.uint8),
        application=np.arange(1, n + 1),
        place=np.arange(n),
    )
    seen = Outcomes(
        np.arange(1, n + 1),
        days * DAY,
        np.full(n, -1, np.int8),
        dpd.astype(np.int32),
        fpd.astype(np.int32),
    )
    window = Window(400 * DAY, **more)
    return decisions, follow(decisions, seen, window), window


def test_an_early_bad_waits_for_the_look_that_would_tell_a_good():
    """All were seen before their window's end: bads alone would be a bad rate of 1."""
    _, early, _ = followed_one_by_one([(60, 45, -1)] * 5 + [(60, 0, -1)] * 5)
    assert early.label.tolist() == [-1] * 10
    _, late, _ = followed_one_by_one([(60, 45, -1)] * 5 + [(181, 0, -1)] * 5)
    assert late.label.tolist() == [1] * 5 + [0] * 5


def test_a_look_after_the_window_tells_how_late_it_was_at_its_end():
    looks = [(200, 170, -1), (200, 50, -1), (200, 49, -1), (200, 20, -1)]
    assert followed_one_by_one(looks)[1].label.tolist() == [1, 1, 0, 0]


def test_a_vintage_ends_where_nobody_looked_again():
    decisions, followed, window = followed_one_by_one([(65, 40, -1)] * 20 + [(65, 0, -1)] * 20)
    (row,) = vintages(decisions, followed, window).rows
    assert row.rates[2] == pytest.approx(0.5)
    assert set(row.rates[3:]) == {None}
    assert len(row.rates) > 10


def test_a_first_instalment_that_was_not_due_is_no_good_one():
    looks = [(0, 0, 0)] * 40 + [(33, 0, 0)] * 40 + [(70, 9, 9)] * 40
    decisions, followed, window = followed_one_by_one(looks)
    (row,) = vintages(decisions, followed, window).first_payments
    assert row.accounts == 120
    assert row.rates == (pytest.approx(0.5), 1.0, 0.0, 0.0)


def test_no_rate_is_told_of_a_few():
    decisions, followed, window = followed_one_by_one([(185, 70, 8)] * 29)
    told = vintages(decisions, followed, window)
    assert set(told.rows[0].rates) == {None}
    assert told.first_payments[0].rates == (None,) * 4
    assert followed.label.tolist() == [1] * 29
