"""Words stay true: what the README and docs name exists, and its figures are those measured."""

import re
from pathlib import Path

import pytest
import typer

from benchmarks._figures_table import figures, table
from benchmarks._replies_table import table as replies_table
from serving.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
ADR_HEADINGS = ["Status", "Context", "Decision", "What we gave up", "How we will know it was wrong"]


def commands() -> set[str]:
    return set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_named_in_a_page_exists():
    named = {
        word
        for page in PAGES
        for word in re.findall(r"(?<!_)finmodel ([a-z]+)\b(?! import)", code_of(page))
    }
    assert len(named) >= 8
    assert named - commands() == set()


def code_of(page: Path) -> str:
    text = page.read_text()
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))


def test_sentences_that_operators_look_up_are_said_somewhere():
    table = (ROOT / "docs" / "operations.md").read_text().rpartition("## When something")[2]
    sentences = re.findall(r"^\| `([^`]+)` \|", table, re.M)
    code = "\n".join(
        path.read_text()
        for folder in ("finmodel", "feature_store", "risk", "serving")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert len(sentences) >= 5
    assert [one for one in sentences if one not in code] == []


def test_the_map_is_the_tree():
    rows = re.findall(r"^\| `([a-z_./]+/)` \|", README, re.M)
    assert len(rows) >= 9
    assert [row for row in rows if not (ROOT / row).exists()] == []
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {row.rstrip("/") for row in rows} == set()


def test_make_targets_named_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z]+)", README)) | set(
        re.findall(r"^make ([a-z]+)", README, re.M)
    )
    assert {"run", "test"} <= named
    assert named - targets == set()


def test_adrs_have_their_five_parts():
    adrs = sorted((ROOT / "docs" / "adr").glob("*.md"))
    wrong = [
        adr.name for adr in adrs if re.findall(r"^## (.+)$", adr.read_text(), re.M) != ADR_HEADINGS
    ]
    assert len(adrs) >= 6
    assert wrong == []


def test_figures_are_those_that_the_bench_printed():
    """Every number of the table, the peers' too, is a committed result, rounded as shown."""
    assert table().count("\n") >= 10
    assert table() in README


def test_replies_before_and_after_are_those_that_the_run_wrote():
    assert replies_table().count("\n") == 7
    assert replies_table() in README


def test_figures_reach_what_they_must():
    """The floors that were asked for, in the committed results."""
    known = {name: value for bench in figures().values() for name, value in bench.items()}
    assert known["read_over_stock_feast_sqlite"] >= 100
    assert known["score_over_lightgbm"] >= 8
    assert known["read_and_score_features_per_s"] >= 40e6
    assert known["decide_p99_over_echo_p99"] <= 3
    assert known["score_http_features_per_s"] >= 10e6
    assert known["kafka_to_score_features_per_s"] >= 4e6
    assert known["read_windowed_features_per_s"] >= 20e6
    assert known["freshness_p99_ms"] <= 1_000
    assert known["events_over_stock_feast"] >= 50
    assert known["card_auc"] >= 0.783
    assert known["card_ks"] >= 0.435
    assert known["scorecard_auc"] >= 0.767
    assert known["unbounded_auc"] >= 0.783
    assert known["reasons_p50_ms"] <= 0.09
    assert known["reasons_p50_ms_31_leaves"] <= 0.4
    ratios = [known[name] for name in known if name.startswith("over_pred_contrib")]
    assert len(ratios) == 4
    assert min(ratios) >= 5
    assert known["sum_error"] <= 1e-9
    assert figures()["behaviour_risk"]["first_decision_s"] <= 180
    assert figures()["offline"]["first_decision_s"] <= 300
    assert figures()["load"]["load_s"] <= 120
    assert max(figures()["load"][shown] for shown in ("page_s", "all_s")) <= 3
    assert figures()["day"]["errors"] == 0
    assert figures()["day"]["page_p95_ms"] <= 1_000
    assert figures()["day"]["minutes"] >= 10
    for name, least in (("lora", 2),):
        lora = figures()[name]
        assert lora["over_trainer"] >= least
        assert lora["heldout_loss"] <= 1.02 * lora["trainer_heldout_loss"]
    assert known["perplexity_fall"] >= 0.7
    assert known["general_rise"] <= 0.05
    assert known["tuned_grounded"] >= 0.95
    assert known["tuned_violations"] == 0
    assert known["canaries_recovered"] == 0
    assert known["edit_distance_share"] <= 0.25
    # That run was stopped by hand several times and went on; one left alone reached 0.99.
    assert known["effective_share"] >= 0.9
    assert known["same_top"] >= 0.95
    assert known["mean_kl"] <= 0.02
    assert known["over_trl"] >= 2
    assert figures()["preference"]["heldout_loss"] <= 1.02 * known["trl_heldout_loss"]
    assert known["plan_over_measured_least"] >= 1.0
    assert known["plan_over_measured_most"] <= 1.1
    assert known["right_script_at_3"] >= 0.95
    assert known["matching_auc"] >= 0.7
    assert known["characters_saved"] >= 0.8
    assert known["numbers_grounded"] == 1
    assert known["unverified_values"] == known["foreign_values"] == 0
    assert min(known["unverified_requests"], known["foreign_requests"]) >= 10_000
    assert known["script_p95_ms"] <= 100
    assert known["messages_per_s"] >= 2_000
    assert known["false_blocks"] <= 0.005
    assert figures()["soak_nf4"]["step_s"] <= 240
    assert figures()["soak_nf4"]["peak_gib"] <= 14


def test_nothing_names_a_private_place():
    """No path of one machine, and no registry's host, stands in what we publish."""
    seen = [
        path
        for path in ROOT.rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".html", ".js", ".css"}
        and not {".venv", ".uv", ".finmodel", "node_modules"} & set(path.parts)
    ]
    guilty = [
        str(path)
        for path in seen
        if re.search(
            r"(?<![\"\w])/(work|farm)/[a-z]|/root/\.|https?://[^ /\"]*(pyp[i]|npmj[s]|debia[n])",
            path.read_text(),
        )
        and path != Path(__file__)
    ]
    assert len(seen) >= 60
    assert guilty == []
