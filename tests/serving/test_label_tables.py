"""`finmodel labels explore`: tables for a person, figures for a program, or one sentence."""

from __future__ import annotations

import io
import re
from collections import Counter

import pytest
from rich.cells import cell_len
from rich.console import Console

from risk.frames.loans import book_in, labels_in, rule_of
from risk.labels.explore import explored
from risk.recipe import load_recipe
from serving.label_tables import show
from tests.risk.small_loans import SHIPPED, lender_recipe
from tests.serving.demo_shell import Shell


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path / "home", 3000)


def test_a_shell_explores_a_lender(shell, tmp_path):
    recipe = lender_recipe(tmp_path, "application_risk")
    answer = shell.finmodel("labels", "explore", str(recipe), "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert (found["recipe"], found["window"], found["vintage_days"]) == ("application_risk", 6, 30)
    assert found["known_to"] == "2025-06-03T16:00:00Z"
    assert found["accounts"] == sum(row["accounts"] for row in found["vintages"])
    assert [row["bucket"] for row in found["roll_rates"]] == found["buckets"]
    first, last = found["vintages"][0], found["vintages"][-1]
    assert first["cohort"] == "2024-01"
    assert all(a <= b for a, b in zip(first["bad"], first["bad"][1:], strict=False))
    assert (last["bad"], last["rates"]) == (
        [None] * len(found["mobs"]),
        [None] * len(found["mobs"]),
    )
    assert {row["cohort"] for row in found["cohorts"] if row["not_mature"]} >= {"2024-12"}
    assert "months of loans" in answer.err
    assert not (tmp_path / "home").exists()  # it only looks


def test_what_a_person_sees(tmp_path):
    recipe = load_recipe(lender_recipe(tmp_path, "lender_behaviour_risk"))
    book = book_in(recipe)
    found = explored(recipe.name, rule_of(recipe), book, labels_in(recipe, book))
    screen = Console(file=io.StringIO(), width=160)
    show(found, screen)
    text = screen.file.getvalue()
    for title in ("账龄表", "滚动率", "首逾", "样本"):
        assert title in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    m1 = found.roll_rates[1]
    assert rows["M1"][:2] == [f"{m1.account_months:,}", f"{100 * m1.rates[0]:.1f}"]
    assert rows["M1"][-3:] == [f"{100 * share:.1f}" for share in (m1.better, m1.same, m1.worse)]
    assert "excluded 剔除: dpd >= 30 at observation" in text
    assert "nan" not in text
    assert "None" not in text
    assert max(map(len, text.splitlines())) < 160


def test_a_narrow_window_cuts_no_figure(tmp_path):
    recipe = load_recipe(lender_recipe(tmp_path, "lender_behaviour_risk"))
    book = book_in(recipe)
    found = explored(recipe.name, rule_of(recipe), book, labels_in(recipe, book))
    seen = {}
    for width in (300, 80, 40):
        screen = Console(file=io.StringIO(), width=width)
        show(found, screen)
        text = screen.file.getvalue()
        assert "…" not in text
        assert max(map(cell_len, text.splitlines())) <= width
        assert "same 不变" in text, "no heading is folded"
        seen[width] = Counter(re.findall(r"[0-9][0-9,]*\.[0-9]\b", text))
    assert seen[300] == seen[80] == seen[40]
    assert sum(seen[300].values()) > 100


def test_a_terminal_of_80_columns_and_a_file_have_every_figure(shell, tmp_path):
    recipe = str(lender_recipe(tmp_path, "lender_behaviour_risk"))
    filed = shell.finmodel("labels", "explore", recipe)
    shown = shell.on_a_terminal("labels", "explore", recipe, columns=80)
    figures = [
        Counter(re.findall(r"[0-9][0-9,]*\.[0-9]\b", text)) for text in (filed.out, shown.out)
    ]
    assert figures[0] == figures[1]
    assert filed.code == shown.code == 0
    assert "…" not in filed.out + shown.out
    assert max(map(len, filed.out.splitlines())) > 80, "nobody's window is narrow"


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (SHIPPED / "behaviour_risk.yaml", "label: its label is the column 'label': there is no"),
        (SHIPPED / "nothing.yaml", "no such file; name a recipe's file"),
    ],
)
def test_what_cannot_be_explored_is_one_sentence(shell, recipe, says):
    answer = shell.finmodel("labels", "explore", str(recipe))
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert "Traceback" not in answer.err
