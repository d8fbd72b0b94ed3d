"""Alerts, the dashboard and their pages: of metrics that are exported, of commands that exist."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import prometheus_client
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from feature_store.event_log import FileEventLog, append_all
from feature_store.stream import Counted
from feature_store.stream_worker import Pass
from finmodel.lender.simulated import Lender
from serving.stream_metrics import StreamMetrics
from serving.telemetry import Telemetry
from tests.spoken_commands import commands_in, misspoken

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "serving" / "alerts"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
SHOWN = [t["expr"] for panel in DASHBOARD["panels"] for t in panel.get("targets", ())]
PAGES = sorted((ROOT / "docs" / "runbook").glob("*.md"))
HEADINGS = [
    "What it means",
    "What the customer feels",
    "Look first",
    "What to do",
    "It is over when",
]
PROMETHEUS_OWN = {"up": {"job", "instance"}, "ALERTS": {"alertstate", "job", "instance"}}
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=Path(sys.executable).parent)
"""The machine's, or the one that `make test` laid beside the environment's programs."""
SCRAPED = {"job", "instance"}
"""Labels that Prometheus puts on whatever it reads."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> dict[str, set[str]]:
    """Every sample that a service or a worker that has done some of everything exports: labels."""
    service, worker = Telemetry(), StreamMetrics()
    service.answered("/decide", 200, 0.003)
    service.decided("refer", "points", [("bill", "stale")])
    service.fell_back(["model"])
    service.loaded("behaviour_risk", 1)
    with FileEventLog(tmp_path_factory.mktemp("log"), partitions=1, write=True) as log:
        append_all(log, Lender(customers=3, days=10, seed=1).events())
        batch = next(iter(log.read(log.topics()[0], 0)))
        batch = replace(batch, times_ms=np.ones_like(batch.offsets))  # as Kafka tells them
        counted = Counted("logins", batch.topic, 1, 1, 0, 0, 0, 0, 0, 0)
        worker.note(Pass(None, [counted], [batch], 0.1, 0.1))
        worker.look(log)
    text = service.exposition() + prometheus_client.generate_latest(worker.registry)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    assert len(found) >= 20
    return found


def named(expr: str) -> list[tuple[str, set[str]]]:
    """Metrics in an expression, with the labels by which each is selected."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    found = re.findall(r"\b(finmodel_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", bare)
    return [(name, set(re.findall(r"(\w+)\s*[=!]", chosen))) for name, chosen in found]


def grouped(expr: str) -> set[str]:
    """Labels by which an expression groups or joins."""
    lists = re.findall(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)", expr)
    return {label.strip() for one in lists for label in one.split(",")}


@pytest.mark.parametrize("expr", [*(rule["expr"] for rule in RULES), *SHOWN])
def test_only_what_is_exported_is_asked_for(expr, exported):
    known = exported | PROMETHEUS_OWN
    asked = named(expr)
    assert asked
    assert [name for name, _ in asked if name not in known] == []
    for name, labels in asked:
        assert labels <= known[name] | SCRAPED, name
    assert grouped(expr) <= SCRAPED.union(*(known[name] for name, _ in asked))
    assert expr.count("(") == expr.count(")")


def test_everything_that_is_exported_is_on_the_dashboard(exported):
    shown = {name for expr in SHOWN for name, _ in named(expr)}
    exported_ones = {name for name in exported if not name.endswith(("_created", "_sum", "_count"))}
    assert exported_ones - shown == set()


def test_a_dashboard_that_grafana_can_read():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) >= 20
    assert DASHBOARD["schemaVersion"] >= 36
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert all(
            target["datasource"]["uid"] == "${source}" for target in panel.get("targets", ())
        )
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"source", "job", "instance"}


def test_each_alert_says_what_and_where_to_read_on_and_each_page_belongs_to_one():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) >= 15
    for rule in RULES:
        told = rule["annotations"]
        assert set(told) == {"summary", "description", "runbook_url"}
        assert all(told.values())
        assert told["runbook_url"] == f"docs/runbook/{rule['alert']}.md"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        used = set(re.findall(r"\$labels\.(\w+)", told["summary"]))
        assert used <= SCRAPED | grouped(rule["expr"]), rule["alert"]
    assert [page.stem for page in PAGES] == sorted(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_five_parts_and_commands_that_can_be_typed(page):
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.M) == HEADINGS
    parts = re.split(r"^## .+$", text, flags=re.M)[1:]
    assert all(part.strip() for part in parts)
    commands = commands_in(text)
    assert commands
    assert [wrong for line in commands if (wrong := misspoken(line))] == []


def test_operators_find_every_page():
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert [page.name for page in PAGES if f"(runbook/{page.name})" not in operations] == []


@pytest.mark.skipif(not PROMTOOL, reason="promtool is missing: make test brings it on Debian")
def test_each_alert_fires_on_its_example():
    for words in (("check", "rules", "serving/alerts/rules.yaml"), ("test", "rules", FIRE)):
        done = subprocess.run([PROMTOOL, *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not PROMTOOL, reason="promtool is missing: make test brings it on Debian")
def test_prometheus_takes_the_settings_that_operators_copy(tmp_path):
    page = (ROOT / "docs" / "operations.md").read_text()
    (given,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.S) if "scrape_" in one)
    (tmp_path / "prometheus.yml").write_text(given)
    words = [PROMTOOL, "check", "config", "--syntax-only", tmp_path / "prometheus.yml"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


FIRE = "tests/alerts_fire.yaml"


def test_every_alert_has_an_example():
    text = (ROOT / FIRE).read_text()
    assert [rule["alert"] for rule in RULES if f'alertname="{rule["alert"]}"' not in text] == []
