"""A service's life in one process: ten thousand decisions, replayed, followed and monitored."""

import asyncio
import gzip
import io
import time
from dataclasses import replace

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs
from rich.console import Console

from finmodel.audit import scan
from finmodel.audit_side import check_sides, side_name
from finmodel.clock import parse_time
from finmodel.decision_log import LAYOUT
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from risk.monitor.alerts import acknowledge, alerts_of, raise_alerts
from risk.monitor.assembly import with_alerts
from risk.monitor.panels import Alert, Noted
from risk.monitor.sheets import sheets
from serving import flows
from serving.desk import open_desk
from serving.monitoring.reading import Wanted, segment_of, watch_model
from serving.monitoring.show import answer, show, workbook
from serving.outcomes import Written, load_outcomes
from serving.schemas import Application
from serving.telemetry import Telemetry
from tests.serving.demo_shell import Shell
from tests.serving.small_world import APPLICATION, CLOCK, make_world

DECISIONS = 10_000
ANALYST = Person("Lin", frozenset({"analyst"}))
LATER = "2006-06-01T00:00:00+08:00"


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Settings of a later day, and the decisions that were answered."""
    world = make_world(tmp_path_factory.mktemp("lived"))

    async def decide_all(desk):
        person = Person("the underwriter", frozenset({"underwriter"}))
        asked = (
            Application(
                **APPLICATION
                | {
                    "application_id": f"L-{number}",
                    "customer_id": 21 + number % 380,
                    "product": "card" if number % 4 == 0 else "cash_loan",
                }
            )
            for number in range(DECISIONS)
        )
        return await asyncio.gather(*(flows.decide(one, person, desk) for one in asked))

    with open_desk(world.settings, Telemetry()) as desk:
        while desk.live.serving is None:
            time.sleep(0.05)
        answers = asyncio.run(decide_all(desk))
    return replace(world.settings, standing_clock=LATER), answers


def wanted(**told):
    start = parse_time("2005-09-29T00:00:00+08:00")
    return Wanted("behaviour_risk", start=start, end=parse_time(LATER), by="month", **told)


@pytest.fixture(scope="module")
def outcomes(lived, tmp_path_factory):
    """Outcomes of every application, drawn from its probability; the file and what was said."""
    settings, answers = lived
    rng = np.random.default_rng(3)
    bad = rng.random(DECISIONS) < [one.probability_of_default for one in answers]
    rows = pd.DataFrame(
        {
            "application_id": [one.application_id for one in answers],
            "observed_at": "2006-04-15T00:00:00+08:00",
            "bad": bad.astype(int),
        }
    )
    path = tmp_path_factory.mktemp("files") / "outcomes.csv"
    rows.to_csv(path, index=False)
    return path, load_outcomes(settings, path, ANALYST), rows


@pytest.fixture(scope="module")
def panels(lived, outcomes):
    return watch_model(lived[0], wanted())


def test_ten_thousand_of_ten_thousand_decisions_come_out_the_same_bit_for_bit(lived):
    settings, answers = lived
    told = {one.decision_id: one for one in answers}
    same = 0
    for entry in scan(settings.audit, "decision"):
        replayed = flows.replay(entry, settings)
        assert replayed.same, [check for check in replayed.checks if not check.same]
        assert float(entry.columns["points"]) == told.pop(entry.id).points
        same += 1
    assert (same, told) == (DECISIONS, {})


def test_a_files_rows_are_kept_once(lived, outcomes):
    path, loaded, _ = outcomes
    assert (loaded.rows, loaded.new, loaded.refused) == (DECISIONS, DECISIONS, 0)
    again = load_outcomes(lived[0], path, ANALYST)
    assert (again.new, again.known, again.kept_in) == (0, DECISIONS, "")
    entries = list(scan(lived[0].audit, "outcomes_loaded"))
    assert [entry.body["new"] for entry in entries] == [DECISIONS]
    (file,) = lived[0].outcomes.iterdir()
    assert all(pa.types.is_integer(kind) for kind in pq.read_schema(file).types), "a name is kept"


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_rows_that_cannot_be_used_are_told_by_number_with_the_reason(
    lived, outcomes, tmp_path, ending
):
    good = "2006-05-01T00:00:00+08:00"
    rows = pd.DataFrame(
        [
            ("L-1", good, "0", "3"),
            ("nobody", good, "0", ""),
            ("L-2", "2006-05-01", "0", ""),
            ("L-3", good, "2", ""),
            ("L-4", good, "", "-1"),
            ("L-5", good, "", ""),
            ("", good, "1", ""),
            ("L-6", "2005-01-01T00:00:00+08:00", "1", ""),
            ("L-7", "2036-01-01T00:00:00+08:00", "1", ""),
            ("L-8", "2005-12-01T00:00:00+08:00", "", "10"),
            ("L-8", "2005-12-01 00:00:00+08", "", "20"),
        ],
        columns=["application_id", "observed_at", "bad", "dpd"],
    ).replace("", None)
    path = tmp_path / f"rows{ending}"
    rows.to_csv(path, index=False) if ending == ".csv" else rows.to_parquet(path)
    loaded = load_outcomes(lived[0], path, ANALYST)
    said = {one.row: one.reason for one in loaded.not_used}
    # L-1 is told good after its outcome in the file that was loaded: a bad cannot become good.
    was_bad = bool(outcomes[2].bad[1])
    assert sorted(said) == list(range(1 if was_bad else 2, 12))
    for row, words in {
        2: "no decision on this application",
        3: "not a time with its zone",
        4: "bad is not 0 or 1",
        5: "dpd is not a whole number",
        6: "neither bad nor dpd",
        7: "no application_id",
        8: "before the decision",
        9: "later than now",
        10: "disagrees",
        11: "disagrees",
    }.items():
        assert words in said[row], (row, said[row])
    assert loaded.not_used[-1].application_id == "L-8"
    lines = {one.row: one.line for one in loaded.not_used}
    assert lines == {row: row + 1 if ending == ".csv" else None for row in said}


def test_a_csvs_refused_rows_are_told_by_the_lines_that_an_editor_shows(lived, tmp_path):
    path = tmp_path / "rows.csv"
    nobody = ",2006-05-01T00:00:00+08:00,1,"
    path.write_text(
        f'application_id,observed_at,bad,note\n\nN-1{nobody}\n  \nN-2{nobody}"one\ntwo"\n'
        f"N-3{nobody}\n\n"
    )
    with gzip.open(tmp_path / "rows.csv.gz", "wb") as packed:
        packed.write(path.read_bytes())
    for one in (path, tmp_path / "rows.csv.gz"):
        loaded = load_outcomes(lived[0], one, ANALYST)
        told = [(each.line, each.row, each.application_id) for each in loaded.not_used]
        assert told == [(3, 1, "N-1"), (5, 2, "N-2"), (7, 3, "N-3")]


@pytest.mark.parametrize(("separator", "encoding"), [(";", "gbk"), (r"\t", "utf-16"), (",", "gbk")])
def test_a_csv_is_read_as_the_shell_says_it_is_written(
    lived, outcomes, tmp_path, separator, encoding
):
    settings, path = lived[0], tmp_path / "rows.csv"
    rows = outcomes[2].head(5).assign(备注="正常")
    sep = separator.replace(r"\t", "\t")
    rows.to_csv(path, index=False, sep=sep, encoding=encoding)
    loaded = load_outcomes(settings, path, ANALYST, written=Written.told(separator, encoding))
    assert (loaded.known, loaded.refused) == (5, 0)
    with pytest.raises(BadInput, match=r"name its encoding, such as gbk.*--encoding"):
        load_outcomes(settings, path, ANALYST, written=Written.told(separator, "utf-8"))
    rows.drop(columns="备注").to_csv(path, index=False, sep=";")
    with pytest.raises(BadInput, match="separated by ';', not by ','; name another separator"):
        load_outcomes(settings, path, ANALYST)


def test_a_csv_that_is_written_in_no_way_known_is_refused(lived, tmp_path):
    with pytest.raises(BadInput, match="--separator: '::' is not one character"):
        Written.told("::", "gbk")
    path = tmp_path / "rows.csv"
    path.write_text("application_id,observed_at,bad\nL-1,2006-01-01T00:00:00Z,0\n")
    with pytest.raises(BadInput, match="no encoding is called 'gbq'"):
        load_outcomes(lived[0], path, ANALYST, written=Written(encoding="gbq"))
    workbook = path.rename(tmp_path / "rows.XLSX")
    with pytest.raises(
        BadInput, match="Excel workbook's, which is not read; save its sheet as CSV"
    ):
        load_outcomes(lived[0], workbook, ANALYST)


def test_a_file_of_which_nothing_is_used_ends_with_2_after_its_reasons(tmp_path):
    shell = Shell(tmp_path / "home")
    key = shell.finmodel("people", "add", "lin", "--role", "analyst").out.strip()
    path = tmp_path / "rows.csv"
    path.write_text("application_id,observed_at,bad\n\n[N/1],2024-01-01T00:00:00Z,1\n")
    answer = shell.finmodel("outcomes", "load", str(path), "--separator", ",", key=key)
    assert answer.code == 2
    words = answer.out.split()
    assert words[words.index("reason") + 1 :][:3] == ["3", "[N/1]", "no"]
    assert "none of its 1 rows could be used; mend them" in " ".join(answer.err.split())
    answer = shell.finmodel("outcomes", "load", str(path), "--json", key=key)
    assert (answer.code, answer.json["not_used"][0]["line"]) == (2, 3)
    answer = shell.finmodel("outcomes", "load", str(path), "--separator", "tab", key=key)
    assert (answer.code, answer.out) == (2, "")
    assert "--separator: 'tab' is not one character" in " ".join(answer.err.split())


def test_a_file_that_lacks_a_column_is_refused(lived, tmp_path):
    path = tmp_path / "rows.csv"
    for text, words in (
        ("application_id,bad\nL-1,0\n", "no column 'observed_at'"),
        ("application_id,observed_at\nL-1,2006-01-01T00:00:00Z\n", "neither a column 'bad'"),
        ("application_id,observed_at,bad\n", "no rows"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=words):
            load_outcomes(lived[0], path, ANALYST)


def test_the_panels_are_of_the_decisions_that_were_answered(lived, panels, outcomes):
    _, answers = lived
    _, _, rows = outcomes
    header = panels.header
    assert (header.n, header.alias, header.version) == (DECISIONS, "champion", 1)
    # L-1 had a later good told, unless it was bad: then the later one disagreed.
    assert header.matured == DECISIONS
    assert header.bads == rows.bad.sum()
    assert "first 10,000 decisions" in header.reference
    assert panels.consistency.differing == 0
    assert panels.consistency.checked > 500
    approved = np.mean([one.decision == "approve" for one in answers])
    shares = [(row.approval, row.n) for row in panels.bands]
    assert sum(a * n for a, n in shares) / DECISIONS == pytest.approx(approved)
    first = panels.quality.rows[0]
    assert (first.period, first.n) == ("2005-09", 0)
    assert panels.quality.rows[1].period == "2005-10"
    assert {row.view for row in panels.consistency.views} == {"balance", "lateness", "account_use"}


def test_a_segment_is_looked_at_alone(lived, panels):
    seen = watch_model(lived[0], wanted(segment=segment_of(["product=card"])))
    assert seen.header.n == DECISIONS // 4
    with pytest.raises(BadInput, match="NAME being one of"):
        segment_of(["colour=red"])
    with pytest.raises(BadInput, match="product is named twice: 'card' and 'cash_loan'; name one"):
        segment_of(["product=card", "product=cash_loan"])
    with pytest.raises(BadInput, match="no decision of it"):
        watch_model(lived[0], wanted(version=7))


def test_every_time_is_told_in_the_lenders_zone(lived):
    """Whatever zone a window was asked in, and though now and the alerts' log are of UTC."""
    start = parse_time("2005-09-28T16:00:00+00:00")
    seen = watch_model(lived[0], Wanted("behaviour_risk", start=start, by="month"))
    assert seen.header.start == "2005-09-29T00:00:00+08:00"
    assert seen.header.end.endswith("+08:00")
    noted = (Noted("Lin", "2005-12-31T18:30:00+00:00", "seen"),)
    raised = Alert(
        "a", "2005-12-31T16:30:00.5+00:00", "behaviour_risk", 1, {}, "psi", "red", "x", "x", "W",
        (seen.header.start, "2005-12-31T16:00:00+00:00"), noted,
    )  # fmt: skip
    (page,) = (one for one in sheets(with_alerts(seen, [raised])) if one.en == "Alerts")
    (row,) = page.rows
    assert row[1] == "2006-01-01T00:30:00+08:00"
    assert row[5].endswith("– 2006-01-01T00:00:00+08:00")
    assert "2006-01-01T02:30:00+08:00 Lin" in row[-1]


def test_the_service_keeps_full_segments_as_columns(lived):
    settings, _ = lived
    if (settings.audit / "audit-000002.log").exists():
        assert (settings.audit / side_name(1)).exists()
    assert check_sides(settings.audit, LAYOUT) >= 0


def test_the_workbook_has_every_panel(panels, lived, tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(workbook(panels)))
    names = book.sheetnames
    assert names[0] == "监测总览"
    assert {"红绿灯", "区分度", "评分分布", "变量稳定性", "校准", "滚动率", "预警"} <= set(names)
    bands = book["评分分布"]
    assert bands["A1"].value == "分段"
    assert sum(row[6].value for row in bands.iter_rows(min_row=3)) == DECISIONS
    drawn = {
        page.title: [series.val.numRef.f for chart in page._charts for series in chart.ser]
        for page in book
    }
    assert len(drawn["区分度"]) == 4
    assert drawn["评分分布"][0].endswith(f"${bands.max_row}")  # every band, and no more
    shown = [name for name, series in drawn.items() if series]
    assert {"区分度", "评分分布", "稳定性", "变量稳定性", "校准", "特征年龄"} <= set(shown)
    for name, words in (("no.txt", "name a .xlsx"), ("none/a.xlsx", "no such folder")):
        with pytest.raises(BadInput, match=words):
            answer(lived[0], wanted(), tmp_path / name, "", as_json=False)


def test_a_person_can_read_it_in_a_shell(panels):
    console = Console(file=io.StringIO(), width=160)
    show(panels, console)
    text = console.file.getvalue()
    for words in ("样本量 decisions", "10,000", "红绿灯", "Champion against challenger", "—"):
        assert words in text


def test_an_alert_is_raised_once_and_acknowledged_with_a_note(lived, panels):
    settings, _ = lived
    lit = [replace_colour(one) for one in panels.header.light.signals]
    light = type(panels.header.light)("amber", "x", "x", tuple(lit))
    header = type(panels.header)(
        **{n: getattr(panels.header, n) for n in panels.header.__struct_fields__} | {"light": light}
    )
    seen = type(panels)(
        **{n: getattr(panels, n) for n in panels.__struct_fields__} | {"header": header}
    )
    raised = raise_alerts(settings, seen, "Wang", ANALYST)
    assert [(one.signal, one.owner, one.raised_by) for one in raised] == [("psi", "Wang", "Lin")]
    assert raise_alerts(settings, seen, "Wang", ANALYST) == []
    with pytest.raises(BadInput, match="a note has"):
        acknowledge(settings, raised[0].id, ANALYST, " ")
    with pytest.raises(NotFound, match="no such alert"):
        acknowledge(settings, "a000001-00000708-41046fb593d3", ANALYST, "seen")
    said = acknowledge(settings, raised[0].id, ANALYST, "渠道换了", owner="Zhao")
    noted = [(one.by, one.note, one.owner) for one in said.acknowledgements]
    assert (noted, said.owner) == ([("Lin", "渠道换了", "Zhao")], "Zhao")
    assert raise_alerts(settings, seen, "Wang", ANALYST) == [], "it was acknowledged just now"
    month_later = replace(settings, standing_clock="2006-07-15T00:00:00+08:00")
    assert len(raise_alerts(month_later, seen, "Wang", ANALYST)) == 1
    assert watch_model(settings, wanted()).alerts == tuple(alerts_of(settings, "behaviour_risk"))


def test_what_was_said_of_an_alert_stays_when_more_is_said(lived, panels):
    settings, _ = lived
    elsewhere = structs.replace(panels.header, segment={"product": "card"}, light=amber(panels))
    (raised,) = raise_alerts(settings, structs.replace(panels, header=elsewhere), "Wang", ANALYST)
    assert raised.window == (panels.header.start, panels.header.end)
    acknowledge(settings, raised.id, ANALYST, "https://example.com/ticket", owner="Zhao")
    said = acknowledge(settings, raised.id, Person("Chen", frozenset({"validator"})), "已复核")
    assert [(one.by, one.note) for one in said.acknowledgements] == [
        ("Lin", "https://example.com/ticket"),
        ("Chen", "已复核"),
    ]
    assert said.owner == "Zhao", "nobody else was named"
    seen = with_alerts(panels, alerts_of(settings, "behaviour_risk"))
    assert seen.alerts[-1].id == raised.id, "another segment's stand last"
    page = openpyxl.load_workbook(io.BytesIO(workbook(seen, "alerts")))["预警"]
    named = [cell.value for cell in page[2]]
    row = dict(zip(named, page[page.max_row], strict=True))
    assert (row["own"].value, row["segment"].value) == (False, "product=card")
    first, second = row["acknowledgements"].value.split("\n")
    assert "Lin：https://example.com/ticket → Zhao" in first
    assert second.endswith("Chen：已复核")
    assert [cell.hyperlink for cell in page[page.max_row]] == [None] * len(named)


def amber(panels):
    lit = tuple(replace_colour(one) for one in panels.header.light.signals)
    return type(panels.header.light)("amber", "x", "x", lit)


def test_a_note_that_is_an_address_is_no_link_in_the_workbook(panels):
    alert = Alert("a", CLOCK, "behaviour_risk", 1, {}, "psi", "red", "https://a.example", "x", "W")
    told = with_alerts(panels, [alert])
    page = openpyxl.load_workbook(io.BytesIO(workbook(told, "alerts")))["预警"]
    (cell,) = [one for one in page[3] if one.value == "https://a.example"]
    assert cell.hyperlink is None


def replace_colour(signal):
    told = {n: getattr(signal, n) for n in signal.__struct_fields__}
    return type(signal)(**told | {"colour": "amber" if signal.name == "psi" else "green"})


def test_the_clock_of_the_log_is_the_services(lived):
    entry = next(iter(scan(lived[0].audit, "decision")))
    assert entry.time == parse_time(CLOCK)
    assert entry.body["product"] == "card"
