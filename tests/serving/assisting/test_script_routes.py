"""话术: two script editors take a workbook to what is said, over HTTP and in Chromium."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import openpyxl
import pytest
from playwright.sync_api import expect

from finmodel.assistant.scripts import load_scripts
from finmodel.audit import scan
from finmodel.editing.columns import SHEET
from finmodel.editing.facts import import_facts
from finmodel.records import Person
from serving.access import People
from serving.assisting.script_routes import BODY_BYTES
from tests.finmodel.fact_files import CLOUD, write_facts
from tests.finmodel.script_sheets import GOOD, TEXT, row, write
from tests.serving.assist_world import assist_world

expect.set_options(timeout=30_000)  # a workbook takes a while where much else runs
OURS = "due_date-6"
EVERY = ("/scripts/drafts", "/scripts/workbook")
POSTED = ("/scripts/import", "/scripts/publish", "/scripts/discard")


@pytest.fixture
def world(tmp_path):
    with assist_world(tmp_path / "home") as made:
        people = People(made.desk.settings.people)
        made.keys |= {name: people.add(name, {"script_editor"}) for name in ("an", "bo")}
        yield made


@pytest.fixture
def an(world):
    with world.client("an") as made:
        yield made


@pytest.fixture
def bo(world):
    with world.client("bo") as made:
        yield made


@pytest.fixture
def sheet(tmp_path):
    return lambda *rows: write(tmp_path / "sent.xlsx", *rows)


def send(client, path, **more):
    data = base64.b64encode(path.read_bytes()).decode()
    return client.post("/scripts/import", json={"name": path.name, "data": data} | more)


def waiting(client):
    return client.get("/scripts/drafts").json()["drafts"]


def shown(client):
    return [f"{one['id']}@{one['digest']}" for one in waiting(client)]


def publish(client, drafts):
    return client.post("/scripts/publish", json={"drafts": drafts})


def refused(answer, piece, status):
    assert answer.status_code == status, answer.text
    assert piece in answer.json()["error"]["what"]


def test_a_script_editor_cannot_publish_their_own_script(world, an, bo, sheet):
    told = send(an, sheet(GOOD)).json()
    assert told["added"] == [{"row": 2, "id": OURS, "version": 1}]
    (one,) = waiting(bo)
    assert (one["author"], one["kind"], one["change"]) == ("an", "script", "added")
    assert one["intent_zh"] == "还款日"
    assert {"field": "text", "before": "", "after": TEXT} in one["changes"]
    seen = shown(bo)
    refused(publish(an, seen), "an wrote it", 403)
    assert OURS not in world.desk.scripts
    assert publish(bo, seen).json() == {"ids": [OURS]}
    assert world.desk.scripts[OURS].text == TEXT
    told = bo.get("/scripts/drafts").json()
    assert told["drafts"] == []
    (version,) = told["versions"]
    assert (version["version"], version["by"]) == (1, "bo")
    assert version["moves"] == [{"id": OURS, "version": 1, "author": "an", "change": "added"}]
    (entry,) = [e for e in scan(world.desk.settings.audit) if e.kind == "scripts_published"]
    assert (entry.body["by"], entry.body["scripts"][0]["author"]) == ("bo", "an")


def test_only_script_editors_come_in(world):
    with world.client("") as nobody, world.client("zhao") as supervisor:
        assert nobody.get("/scripts").status_code == 200
        for client, status in ((nobody, 401), (supervisor, 403)):
            assert [client.get(one).status_code for one in EVERY] == [status] * len(EVERY)
            assert {client.post(one, json={}).status_code for one in POSTED} == {status}


def test_what_is_taken_out_comes_back_changed_beside_the_old_words(an, bo, tmp_path):
    answer = an.get("/scripts/workbook")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    page = book[SHEET]
    number = next(cell.row for cell in page["A"] if cell.value == "due_date-1")
    page.cell(number, 11).value = "compliance.zhou"
    page.cell(number, 9).value, page.cell(number, 10).value = "2026-06-01", "2026-12-31"
    path = tmp_path / "back.xlsx"
    book.save(path)
    tried = send(an, path, dry_run=True).json()
    assert ([one["row"] for one in tried["changed"]], waiting(an)) == ([number], [])
    told = send(an, path).json()
    assert (told["unchanged"], told["rejected"]) == (len(load_scripts()) - 1, [])
    (one,) = waiting(bo)
    before = load_scripts()["due_date-1"]
    assert (one["change"], one["version"]) == ("changed", before.version + 1)
    assert {"field": "reviewer", "before": before.reviewer, "after": "compliance.zhou"} in one[
        "changes"
    ]


def test_rejected_rows_are_told_by_number_and_take_no_other_with_them(an, sheet):
    told = send(an, sheet(GOOD, row(text="还款日是15号。", slots=None), row(intent="天气"))).json()
    assert [one["row"] for one in told["rejected"]] == [3, 4]
    number, intent = (one["reason"] for one in told["rejected"])
    assert number.startswith("a number stands in the text: '15号'")
    assert intent.startswith("no intent '天气'; one of ")
    assert [one["id"] for one in waiting(an)] == [OURS]


def test_a_file_that_is_no_workbook_or_too_large_is_a_sentence(an, tmp_path):
    path = tmp_path / "sent.xlsx"
    path.write_bytes("场景,意图\n还款,还款日\n".encode("gb18030"))
    refused(send(an, path), "in GBK under another name", 422)
    path.write_bytes(b"PK" + bytes(4 << 20))
    refused(send(an, path), "it is larger than 4 MiB", 422)
    path.write_bytes(bytes(BODY_BYTES))
    refused(send(an, path), "it is larger than 6,000,000 bytes", 413)
    refused(an.post("/scripts/import", json={"name": "a", "data": "%"}), "base64", 422)
    long = {"drafts": ["a" * 80] * 20_000}
    refused(an.post("/scripts/publish", json=long), "it is larger than 1,000,000 bytes", 413)
    refused(an.post("/scripts/discard", json={"drafts": []}), "Expected `array`", 422)
    assert waiting(an) == []


def test_of_two_editors_at_once_one_publishes_and_what_changed_since_is_seen_again(
    world, an, bo, sheet
):
    send(an, sheet(GOOD))
    seen = shown(bo)
    send(an, sheet(row(text="本期账单的还款日是{due_date}，请准时还款。")))
    assert [one["id"] for one in waiting(bo)] == [OURS, "due_date-7"]
    send(an, sheet(row(id=OURS, text="本期还款日是{due_date}。")))
    refused(publish(bo, seen), "it is not what was seen", 403)
    key = People(world.desk.settings.people).add("cai", {"script_editor"})
    cai = httpx.Client(base_url=world.address, headers={"authorization": f"Bearer {key}"})
    now = shown(bo)
    with cai, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda client: publish(client, now), (bo, cai)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[1] in (404, 503)  # published before, or being published
    assert len(bo.get("/scripts/drafts").json()["versions"]) == 1


def test_a_draft_is_discarded_and_a_fact_is_published_with_its_script(world, an, bo, sheet):
    here = world.desk.settings
    write_facts(here, CLOUD)
    import_facts(here, here.facts, Person("an", frozenset({"script_editor"})))
    send(an, sheet(GOOD, row(text="本期账单的还款日是{due_date}，请准时还款。")))
    assert [one["kind"] for one in waiting(bo)] == ["fact", "script", "script"]
    gone = [one for one in shown(bo) if one.startswith("due_date-7")]
    assert bo.post("/scripts/discard", json={"drafts": gone}).json() == {"ids": ["due_date-7"]}
    refused(publish(bo, gone), "no draft waits", 404)
    assert publish(bo, shown(bo)).json()["ids"] == ["cloud_pay-1", OURS]


@pytest.fixture
def tab(browser, world):
    """A tab on the agent's page; whatever it complains of, but refusals, fails the test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000}, locale="zh-CN", accept_downloads=True
    )
    opened = context.new_page()
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.goto(world.address)
    yield opened
    context.close()
    refused_ = "the server responded with a status of 4"
    assert [one for one in complaints if refused_ not in one] == []


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")


@pytest.mark.servers
def test_an_editor_brings_a_workbook_and_another_publishes_it(tab, world, tmp_path):
    sign_in(tab, world.keys["li"])
    expect(tab.locator("#person")).to_contain_text("li")
    link = tab.locator("#top a[href='/scripts']")
    expect(link).to_be_hidden()
    tab.click("#leave")
    sign_in(tab, world.keys["an"])
    expect(link).to_have_text("话术")
    link.click()
    expect(tab.locator("#versions")).to_contain_text("尚未发布过")
    with tab.expect_download() as taken:
        tab.click("#export")
    path = tmp_path / taken.value.suggested_filename
    taken.value.save_as(path)
    assert path.name == "话术.xlsx"
    book = openpyxl.load_workbook(path)
    page = book[SHEET]
    number = next(cell.row for cell in page["A"] if cell.value == "due_date-2")
    old = page.cell(number, 7).value
    new = (
        "您本期的还款日是{due_date}，应还{amount_due}，<b>请提前</b>存入尾号{bank_card_tail}的卡。"
    )
    page.cell(number, 7).value = new
    number = page.max_row + 1
    for column, value in ((4, "还款日"), (7, "还款日是每月15号。"), (9, "2026-07-01"), (11, "he")):
        page.cell(number, column).value = value
    book.save(path)

    tab.set_input_files("#file", path)
    tab.click("#try")
    taken = tab.locator("#taken")
    expect(taken).to_contain_text("试读，未保存：新增 0，修改 1")
    bad = taken.locator(f"[data-row='{number}']")
    expect(bad).to_contain_text(f"第 {number} 行")
    expect(bad).to_contain_text("文字里有数字：请改用变量，或不说数字（a number stands in the text")
    expect(tab.locator("#drafts")).to_contain_text("没有待发布的草稿")
    tab.click("#import")
    expect(taken).to_contain_text("已导入：新增 0，修改 1")
    draft = tab.locator("[data-author='an'] [data-id='due_date-2']")
    expect(draft).to_contain_text("话术 · 修改")
    expect(draft.locator("td")).to_have_text(["文字", old, new])
    expect(tab.locator("#drafts b")).to_have_count(1)  # text stays text: the author alone is bold
    tab.click("[data-act='publish']")
    problem = tab.locator("#problem")
    expect(problem).to_contain_text("无权限：这是您自己起草的，须由另一位话术编辑发布（两人复核）")
    expect(problem).to_contain_text("an wrote it — ask another script editor to publish it")
    expect(draft).to_be_visible()

    tab.click("#leave")
    expect(tab.locator("#scripts")).to_be_hidden()
    sign_in(tab, world.keys["bo"])
    expect(draft).to_be_visible()
    expect(taken).to_be_empty()
    tab.click("#language")
    expect(draft).to_contain_text("script · changed")
    tab.click("#language")
    draft.locator("input").uncheck()
    tab.click("[data-act='publish']")
    expect(draft).to_be_visible()
    draft.locator("input").check()
    tab.click("[data-act='publish']")
    expect(tab.locator("#done")).to_have_text("已发布，下一次建议起即可使用：due_date-2")
    expect(tab.locator("#drafts")).to_contain_text("没有待发布的草稿")
    cells = tab.locator("#versions td")
    expect(cells.nth(2)).to_have_text("an")
    expect(cells.nth(3)).to_have_text("bo")
    expect(cells.nth(4)).to_contain_text("due_date-2 第 2 版 修改")
    assert world.desk.scripts["due_date-2"].text == new
