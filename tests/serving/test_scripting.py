"""`finmodel scripts`: two editors' way from a workbook to what is said, as they type it."""

import csv
import io
import json

import openpyxl
import pytest
from typer.testing import CliRunner

from finmodel.assistant.scripts import load_scripts
from finmodel.audit import verify
from finmodel.editing.columns import SHEET
from finmodel.errors import BadInput, NotFound, Refused
from serving.access import People
from serving.assisting.shelves import lender_shelf
from serving.cli import app
from tests.finmodel.fact_files import CLOUD, write_facts
from tests.finmodel.script_sheets import GOOD, NOW, TEXT, home, row, write

SHIPPED = load_scripts()


class Desk:
    """A home with two script editors and an agent, and a shell in it."""

    def __init__(self, folder):
        self.folder, self.here = folder, home(folder / "home")
        self.here.make_home()
        people = People(self.here.people)
        self.keys = {name: people.add(name, {"script_editor"}) for name in ("an", "bo")}
        self.keys["li"] = people.add("li", {"agent"})

    def run(self, *words, who=""):
        told = {
            "FINMODEL_HOME": str(self.here.home),
            "FINMODEL_STANDING_CLOCK": NOW,
            "FINMODEL_KEY": self.keys.get(who, ""),
        }
        return CliRunner().invoke(app, ["scripts", *map(str, words)], env=told)

    def json(self, *words, who=""):
        done = self.run(*words, "--json", who=who)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def seen(self):
        """The words to type after `publish`, as diff shows them for all that wait."""
        return self.run("diff").stdout.splitlines()[-1].removeprefix("all that wait: ").split()

    def refused(self, *words, who=""):
        done = self.run(*words, who=who)
        assert isinstance(done.exception, BadInput | Refused), done.output
        return str(done.exception)

    def sheet(self, *rows):
        return write(self.folder / "sent.xlsx", *rows)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_two_editors_take_a_workbook_to_what_is_said(desk):
    path = desk.folder / "scripts.xlsx"
    told = desk.json("export", path)
    assert (told["scripts"], told["ours"], told["version"]) == (len(SHIPPED), 0, 0)
    again = desk.json("import", path, "--dry-run", who="an")
    assert (again["unchanged"], again["added"], again["changed"]) == (len(SHIPPED), [], [])
    assert again["rejected"] == []

    book = openpyxl.load_workbook(path)
    page = book[SHEET]
    number = next(cell.row for cell in page["A"] if cell.value == "due_date-1")
    page.cell(number, 11).value = "compliance.zhou"
    book.save(path)
    (one,) = desk.json("import", path, who="an")["changed"]
    assert one == {"row": number, "id": "due_date-1", "version": 2}
    assert [one["author"] for one in desk.json("list", "--drafts")] == ["an"]
    (change,) = desk.json("diff")
    assert [one["field"] for one in change["changes"]] == ["reviewer"]
    shown = desk.run("diff", "due_date-1").stdout
    assert "+ compliance.zhou" in shown
    assert "all that wait" not in shown
    named = f"due_date-1@{change['digest']}"
    assert shown.startswith(f"{named} version 2, by an")
    assert desk.json("list", "--drafts")[0]["digest"] == change["digest"]

    assert "an wrote it; ask another" in desk.refused("publish", *desk.seen(), who="an")
    assert desk.json("publish", named, who="bo") == [
        {"id": "due_date-1", "version": 2, "author": "an", "published_by": "bo"}
    ]
    assert lender_shelf(desk.here).scripts["due_date-1"].reviewer == "compliance.zhou"
    shown = {one["id"]: one for one in desk.json("list")}
    assert shown["due_date-1"]["published_by"] == "bo"
    assert shown["due_date-2"]["published_by"] == "shipped"
    assert (desk.json("export", path)["ours"], desk.json("list", "--drafts")) == (1, [])
    assert desk.json("import", path, who="bo")["unchanged"] == len(SHIPPED)

    ended = desk.json("expire", "due_date-1", "--from", "2026-07-01", who="an")
    assert (ended["valid_to"], ended["version"]) == ("2026-06-30", 3)


def test_rejected_rows_are_told_by_number_and_written_as_csv(desk):
    out = desk.folder / "rejected.csv"
    bad = row(id="=1+1", text="还款日是15号。", slots=None)
    path = desk.sheet(GOOD, bad, row(intent="天气"))
    told = desk.json("import", path, "--rejected", out, who="an")
    assert [(one["row"], one["id"]) for one in told["rejected"]] == [(3, ""), (4, "")]
    table = list(csv.reader(io.StringIO(out.read_bytes().decode("utf-8-sig"))))
    assert table[0] == ["row", "id", "reason"]
    assert [one[0] for one in table[1:]] == ["3", "4"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in table for cell in line)
    done = desk.run("import", path, who="an")
    assert "row 4: rejected: no intent '天气'; one of 问候" in done.output
    assert done.exit_code == 0
    assert "none of its 1 rows could be used" in desk.refused(
        "import", desk.sheet(row(intent="天气")), who="an"
    )


def test_what_may_not_be_done_is_told_in_a_sentence(desk):
    path = desk.sheet(GOOD)
    assert "no key" in desk.refused("import", path)
    assert "li is agent; ask somebody who is script_editor" in desk.refused(
        "import", path, who="li"
    )
    told = desk.refused("import", desk.folder / "a.csv", who="an")
    assert "it is no .xlsx by its name; open it in Excel, WPS or LibreOffice" in told
    assert "there is no such folder" in desk.refused("export", desk.folder / "x" / "a.xlsx")
    assert "it is not said which drafts" in desk.refused("publish", who="bo")
    assert "it is not said which drafts" in desk.refused("discard", "a-1", "--all", who="bo")
    assert "no draft waits" in desk.refused("publish", "--all", who="bo")
    alone = desk.refused("publish", "a-1", "--seen", "0123456789ab", who="bo")
    assert "--seen: it is the digest of all drafts" in alone
    assert "'soon' is no day" in desk.refused("expire", "due_date-1", "--from", "soon", who="an")
    path.write_bytes("场景,意图\n还款,还款日\n".encode("gb18030"))
    assert "in GBK under another name" in desk.refused("import", path, who="an")
    assert desk.json("list", "--drafts") == []


def test_a_draft_is_taken_away_again(desk):
    desk.json("import", desk.sheet(GOOD), who="an")
    assert desk.json("list", "--drafts")[0]["text"] == TEXT
    assert desk.json("discard", "--all", who="bo") == [{"id": "due_date-6", "author": "an"}]
    assert isinstance(desk.run("diff").exception, NotFound)


def test_two_editors_take_product_facts_from_the_homes_folder_to_what_is_read(desk):
    path = desk.folder / "facts.yaml"
    told = desk.json("export", path)
    assert (told["version"], told["ours"], told["left_out"]) == (0, 0, [])
    again = desk.json("import", path, "--dry-run", who="an")
    assert (again["unchanged"], again["added"], again["changed"]) == (told["facts"], [], [])

    assert "facts: no sources" in str(desk.run("import", who="an").exception)
    write_facts(desk.here, CLOUD)
    (one,) = desk.json("import", who="an")["added"]
    assert one == {"id": "cloud_pay-1", "version": 1}
    assert "added 0" in " ".join(desk.run("import", who="an").stdout.split())
    assert "product facts have no rows" in desk.refused("import", "--rejected", path, who="an")
    assert "+ 云闪付还款" in desk.run("diff").stdout
    assert "cloud_pay-1: an wrote it" in desk.refused("publish", *desk.seen(), who="an")
    (made,) = desk.json("publish", *desk.seen(), who="bo")
    assert made == {"id": "cloud_pay-1", "version": 1, "author": "an", "published_by": "bo"}
    shown = {one["id"]: one for one in desk.json("list")}
    assert shown["cloud_pay-1"]["published_by"] == "bo"
    assert shown["apply-1"]["published_by"] == "shipped"
    assert len(lender_shelf(desk.here).sources) == told["facts"] + 1
    assert desk.json("export", path)["ours"] == 1
    ended = desk.json("expire", "cloud_pay-1", "--from", "2026-07-01", who="an")
    assert (ended["valid_to"], ended["version"]) == ("2026-06-30", 2)


def test_a_script_editor_cannot_publish_their_own_script(desk):
    desk.json("import", desk.sheet(GOOD), who="an")
    seen = desk.seen()
    own = desk.run("publish", *seen, who="an")
    assert (own.stdout, own.exception.exit_code) == ("", 2)
    assert str(own.exception) == (
        "script due_date-6: an wrote it; ask another script editor to publish it: two pairs of eyes"
    )
    assert "due_date-6" not in lender_shelf(desk.here).scripts
    assert desk.run("publish", *seen, who="bo").exit_code == 0
    assert lender_shelf(desk.here).scripts["due_date-6"].text == TEXT
    counts = verify(desk.here.audit).counts
    assert (counts["scripts_drafted"], counts["scripts_published"]) == (1, 1)
