"""The assistant's service as a process, and the agent's page in Chromium."""

import json
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from finmodel.assistant.engines.scripted import Scripted
from finmodel.guard_cases import GuardCases
from finmodel.tickets import FollowUp
from finmodel.wrap_up_book import WrapUp
from serving import page
from serving.access import People
from tests.serving.assist_world import FACTS, NOW, assist_world, brought, message
from tests.serving.assisting.test_routes import Slow
from tests.serving.demo_shell import Shell, processes_in
from tests.serving.small_adapter import promoted, shelved
from tests.serving.small_world import ROOT, answers, free_port, wait_until

pytestmark = pytest.mark.servers
expect.set_options(timeout=30_000)  # as long as everything else is waited for
HEAVY = ("mlflow", "lightgbm", "pandas", "feast", "duckdb", "sklearn", "torch", "pyarrow", "numba")
OPEN = """
import sys, time
from serving import assist
service = assist.Assist.inner()
while "is being opened" in (state := service.desk.writing.state):
    time.sleep(0.05)
service.close()
print(*sorted(set(sys.argv[1:]) & set(sys.modules)), state)
"""


def test_the_demo_is_served_without_a_base_and_ends_without_a_trace(tmp_path):
    # pip finds nothing, as where there is no network
    offline = {"FINMODEL_FETCH_BASE": "1", "PIP_NO_INDEX": "1"}
    shell = Shell(tmp_path / "fm", free_port(), offline)
    child = shell.start("assist", "demo")
    address = f"http://127.0.0.1:{shell.port}"
    wait_until(lambda: answers(f"{address}/status"), 90)
    page = httpx.get(address)
    assert "坐席助手" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert httpx.get(f"{address}/conversations").status_code == 401
    assert httpx.get(f"{address}/status").json()["engine"] == ""

    def state():
        return httpx.get(f"{address}/status").json()["engine_state"]

    wait_until(lambda: "qwen2.5-coder-1.5b could not be brought" in state(), 120)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    wait_until(lambda: processes_in(tmp_path / "fm-assistant") == [], 20)


def test_its_process_loads_no_trainer_no_registry_and_no_feature_framework(tmp_path):
    settings, made = shelved(tmp_path)
    promoted(settings, made, "scripts")
    env = {"FINMODEL_HOME": str(settings.home), "FINMODEL_WRITER": "scripts"}
    done = subprocess.run(
        [sys.executable, "-c", OPEN, *HEAVY],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "scripts/1 writes beside scripts\n", done.stderr


REPLY = "您别着急，这件事我帮您看。提前结清需要{settlement_total}。"
UNSURE = "我有点拿不准要不要现在把剩下的都还了呢"
"""No script is sure of it: an engine is asked."""


class Ours:
    """An engine that a test may have write like any other: it puts that one's `stream` here."""

    name, grammars, keeps = "ours", False, False
    stream = staticmethod(Scripted(lambda asked: REPLY).stream)

    def close(self):
        pass


@pytest.fixture(scope="module")
def engine():
    return Ours()


@pytest.fixture(scope="module")
def world(tmp_path_factory, engine):
    home, desk = tmp_path_factory.mktemp("assist"), f"http://127.0.0.1:{free_port()}"
    with assist_world(home, engine=engine, embed=desk) as made:
        yield made


@pytest.fixture
def tab(browser, world):
    opened = browser.new_page(viewport={"width": 1500, "height": 900}, locale="zh-CN")
    problems = []
    opened.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(world.address)
    yield opened
    assert [one for one in problems if not re.search("status of (4|503)", one)] == []
    opened.close()


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")
    tab.wait_for_selector("#sign-in", state="hidden")


def bring(world, name, *messages, **more):
    with world.client("vendor") as vendor:
        given = brought(*messages, agent="li", **more)
        assert vendor.post(f"/conversations/{name}/messages", json=given).status_code == 200


def test_after_a_chat_a_promise_is_written_down_and_its_ticket_closed(tab, world):
    facts = FACTS | {"overdue_total": 123_456, "penalty_interest": 1_200, "days_past_due": 12}
    said = message(1, "我周五发工资，到时候一定还上")
    bring(world, "promised", said, customer="周先生", account="overdue", facts=facts)
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="周先生").click()
    tab.locator("#messages", has_text="我周五发工资").wait_for()
    tab.click("#wrap")
    tab.wait_for_selector("#wrap-up[open]")
    assert "1,234.56元，2026-06-05" in tab.input_value("#wrap-text")
    assert tab.input_value("#wrap-day") == tab.input_value("#wrap-due") == "2026-06-05"
    assert "1,234.56元" in tab.locator("#wrap-slot option:checked").inner_text()
    tab.fill("#wrap-due", "2026-06-01")
    tab.click("#wrap-up button[type=submit]")
    problem = tab.locator("#wrap-problem")
    problem.wait_for()
    assert "期限已过" in problem.inner_text()
    tab.fill("#wrap-due", "2026-06-05")
    tab.fill("#wrap-note", "周五下午电话跟进")
    tab.click("#wrap-up button[type=submit]")
    ticket = tab.locator("#tickets li", has_text="周五下午电话跟进")
    ticket.wait_for()
    assert "承诺跟进" in ticket.inner_text()
    ticket.locator("button", has_text="办结").click()
    ticket.wait_for(state="detached")


def test_a_complaint_whose_day_is_over_is_seen_as_late_until_it_is_done(tab, world):
    bring(world, "complained", message(1, "你们催收天天骚扰我家人，我要投诉"), customer="冯女士")
    books = world.desk
    kept = WrapUp(
        conversation="complained",
        customer="冯女士",
        agent="li",
        at=NOW - timedelta(days=20),
        category="complaint",
        body=b"{}",
    )
    asked = [FollowUp(kind="complaint", note="三周前的投诉")]
    ref = books.conversations.ref_of("complained")
    books.wrap_ups.keep(kept, asked, ref, lambda changes: None)
    sign_in(tab, world.keys["li"])
    ticket = tab.locator("#tickets li", has_text="三周前的投诉")
    expect(ticket).to_have_class("overdue")
    expect(ticket).to_contain_text("2026-05-29")
    expect(ticket).to_contain_text("· 已逾期")
    expect(tab.locator("#late")).to_have_text("1 件已逾期")
    tab.click("#language")
    expect(ticket).to_contain_text("· overdue")
    expect(tab.locator("#late")).to_have_text("1 overdue")
    tab.click("#language")
    ticket.locator("button", has_text="办结").click()
    expect(ticket).to_have_count(0)
    expect(tab.locator("#late")).to_be_empty()


def test_a_demo_says_why_no_decision_is_found_for_a_persons_look(tab, world):
    bring(world, "declined", message(1, "为什么拒绝我，我要人工复核"), customer="贺女士")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="贺女士").click()
    expect(tab.locator("#look-id")).to_be_visible()
    expect(tab.locator("#look-apart")).to_be_hidden()
    world.desk.settings.demo.mkdir()
    try:
        expect(tab.locator("#look-apart")).to_contain_text("两个服务共用一个 FINMODEL_HOME")
        tab.click("#language")
        expect(tab.locator("#look-apart")).to_contain_text("have one FINMODEL_HOME")
    finally:
        world.desk.settings.demo.rmdir()


def test_an_agent_whose_session_ends_finds_the_reply_that_was_being_typed(tab, world):
    people, password = People(world.desk.settings.people), "lantern orbit mustard quay"
    people.set_password("li", password)
    bring(world, "cut off", message(1, "我想提前结清，怎么办理"), customer="许女士")

    def come_in():
        tab.fill("#own-name", "li")
        tab.fill("#password", password)
        tab.click("#session-form button")
        tab.wait_for_selector("#sign-in", state="hidden")

    come_in()
    tab.locator("#lines button", has_text="许女士").click()
    tab.locator("#messages", has_text="提前结清").wait_for()
    tab.fill("#text", "您好，我帮您看一下")
    password += "!"
    people.set_password("li", password)
    tab.locator("#session-ended", has_text="已填写的内容都还在").wait_for(timeout=15_000)
    come_in()
    tab.locator("#messages", has_text="提前结清").wait_for()
    assert tab.input_value("#text") == "您好，我帮您看一下"


def test_from_a_question_to_the_supervisors_panel_and_the_training_set(tab, world):
    bring(world, "c1", message(1, "我想提前结清，一共要还多少钱？"), customer="陈女士")
    sign_in(tab, world.keys["li"])
    first = tab.locator('#suggestions li[data-place="1"] .said')
    first.wait_for()
    assert "8,123.45元" in first.inner_text()
    amount = first.locator("mark", has_text="8,123.45元").first
    assert "settlement_principal + settlement_interest" in amount.get_attribute("title")
    assert "话术 early_settlement" in tab.locator('#suggestions li[data-place="1"]').inner_text()
    assert "8,123.45元" in tab.locator("#fact-rows").inner_text()
    tab.keyboard.press("Alt+Digit1")
    assert "8,123.45元" in tab.input_value("#text")
    tab.locator("#text").press("Control+Home")
    tab.keyboard.type("您好，")
    tab.click("#send")
    tab.wait_for_selector("#messages li.agent-said")
    sent = tab.locator("#messages li.agent-said").inner_text()
    assert sent.startswith("您好，")
    assert tab.input_value("#text") == ""
    (verdict,) = world.desk.suggestions.verdicts()
    assert (verdict.verdict, verdict.agent) == ("edited", "li")
    (kept,) = world.desk.conversations.to_train()
    assert "{settlement_total}" in kept.messages[-1].slotted
    tab.click("#leave")
    sign_in(tab, world.keys["zhao"])
    row = tab.locator("#worth tbody tr")
    row.wait_for()
    told = row.inner_text().split()
    assert told[:7] == ["li", told[1], "1", "0", "0.00%", "(0.00%–79.3%)", "1"]
    assert (told[7], told[8]) == ("0", "3.0")  # 您好，
    assert re.fullmatch(r"\d+(\.\d+)?%", told[9])
    tab.select_option("#by", "tenure_scenario")
    tab.locator("#worth td", has_text="不满 3 个月 · 还款").wait_for()
    tab.select_option("#by", "writer")
    tab.locator("#worth td", has_text="ours").wait_for()


def test_what_the_customer_writes_meanwhile_makes_suggestions_stale_and_new_ones_come(tab, world):
    bring(world, "c2", message(2, "怎么还款？"), customer="王先生")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="王先生").click()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    assert "王先生" in tab.locator("#chat-title").inner_text()
    bring(world, "c2", message(3, "我要投诉你们的客服态度"), customer="王先生")
    tab.locator("#messages li", has_text="我要投诉").wait_for()
    tab.locator("#suggestions", has_text=re.compile("投诉|抱歉|歉意")).wait_for()


def test_the_guards_are_asked_before_a_reply_is_sent(tab, world):
    bring(world, "c3", message(4, "我能通过审批吗？"), customer="赵先生")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="赵先生").click()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    tab.fill("#text", "您放心，保证通过审批。")
    tab.click("#send")
    tab.wait_for_selector("#hits:not([hidden])")
    assert "违反规则 promise" in tab.inner_text("#hits")
    assert tab.inner_text("#send") == "仍要发送"
    assert tab.locator("#messages li.agent-said").count() == 0


def test_markup_in_a_customers_words_is_shown_as_text(tab, world):
    bring(world, "c4", message(5, "<img src=x onerror=alert(1)><b>急</b>"), customer="<i>钱</i>")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="<i>钱</i>").click()
    tab.locator("#messages li", has_text="<img src=x").wait_for()
    assert tab.locator("#messages img, #messages b, #lines i").count() == 0


def test_nothing_fits_is_kept_with_its_reason_and_another_tone_comes(tab, world):
    bring(world, "c5", message(6, "什么时候还款？"), customer="孙女士")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="孙女士").click()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    tab.wait_for_function("document.querySelector('#reason').textContent !== '生成中…'")
    tab.keyboard.press("Alt+KeyX")
    tab.fill("#why-text", "答非所问")
    tab.click("#why button")
    tab.locator("#suggestions", has_text="模型生成").wait_for()
    assert any(one.reason == "答非所问" for one in world.desk.suggestions.verdicts())


def choose(tab, customer):
    tab.locator("#lines button", has_text=customer).click()
    tab.locator("#chat-title", has_text=customer).wait_for()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    tab.locator("#send:enabled").wait_for()


def said_by_the_agent(world, name):
    return [one.text for one in world.desk.conversations.read(name).messages if one.who == "agent"]


def verdicts_in(world, name):
    """By the day's clock they are of one moment: in whatever order."""
    return [one for one in world.desk.suggestions.verdicts() if one.conversation == name]


def test_a_reply_goes_to_the_customer_it_was_written_for_or_to_nobody(tab, world):
    bring(world, "c7", message(8, "怎么还款？"), customer="吴先生")
    bring(world, "c8", message(9, "怎么还款？"), customer="郑女士")
    sign_in(tab, world.keys["li"])
    choose(tab, "吴先生")
    checks, feedback = [], []
    tab.route("**/check", lambda route: checks.append(route))
    tab.on("request", lambda one: feedback.append(one) if "/feedback" in one.url else None)
    tab.fill("#text", "吴先生，您的额度如下。")
    tab.click("#send")
    tab.locator("#send:disabled", has_text="发送中").wait_for()
    tab.locator("#lines button", has_text="郑女士").click()
    tab.locator("#chat-title", has_text="郑女士").wait_for()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    checks[0].continue_()
    tab.locator("#send:enabled", has_text=re.compile("^发送$")).wait_for()
    assert feedback == []
    assert said_by_the_agent(world, "c7") == said_by_the_agent(world, "c8") == []
    tab.fill("#text", "郑女士，您的额度如下。")
    tab.click("#leave")
    tab.wait_for_selector("#sign-in:not([hidden])")
    assert tab.input_value("#text") == ""
    assert "8,123.45元" not in tab.locator("main").text_content()


def test_what_was_taken_before_the_customer_wrote_again_is_not_booked_and_a_second_reply_goes(
    tab, world
):
    bring(world, "c9", message(10, "怎么还款？"), customer="冯先生")
    sign_in(tab, world.keys["li"])
    choose(tab, "冯先生")
    tab.keyboard.press("Alt+Digit1")
    held = []
    tab.route("**/suggest", lambda route: held.append(route))
    bring(world, "c9", message(11, "什么时候还款？"), customer="冯先生")
    tab.locator("#messages li", has_text="什么时候").wait_for()
    tab.locator("#send:disabled").wait_for()  # what it would be booked on is not there yet
    expect(tab.locator("#stale")).to_have_text("客户又发来消息，以下建议已过时")
    expect(tab.locator("#offered.old #suggestions li")).not_to_have_count(0)
    held[0].continue_()
    tab.unroute("**/suggest")
    tab.locator("#send:enabled").wait_for()
    expect(tab.locator("#stale")).to_be_hidden()
    for number, words in enumerate(("您好，我先核对一下。", "请您稍等片刻。"), 1):
        tab.fill("#text", words)
        tab.click("#send")
        tab.locator("#messages li.agent-said").nth(number - 1).wait_for()
    assert said_by_the_agent(world, "c9") == ["您好，我先核对一下。", "请您稍等片刻。"]
    (verdict,) = verdicts_in(world, "c9")
    assert (verdict.verdict, verdict.after) == ("rejected", "m11")


def test_suggestions_are_asked_for_again_where_there_was_no_room(tab, world):
    bring(world, "c10", message(12, "怎么还款？"), customer="褚女士")
    sign_in(tab, world.keys["li"])
    full = {"code": "NotReady", "what": "6 replies are being written or waited for"}
    answer = {"status": 503, "headers": {"Retry-After": "0.2"}, "json": {"error": full}}
    tab.route("**/suggest", lambda route: route.fulfill(**answer), times=1)
    choose(tab, "褚女士")


COMPOSING = """document.dispatchEvent(new KeyboardEvent('keydown',
  {code: 'Digit1', altKey: true, isComposing: true, bubbles: true}))"""


def test_keys_put_suggestions_into_the_box_but_not_while_an_input_method_composes(tab, world):
    bring(world, "c6", message(7, "什么时候还款？"), customer="周女士")
    sign_in(tab, world.keys["li"])
    choose(tab, "周女士")
    tab.evaluate(COMPOSING)
    assert tab.input_value("#text") == ""
    said = {n: tab.locator(f'#suggestions li[data-place="{n}"] .said') for n in (1, 2, 3)}
    for place in (2, 3):
        tab.keyboard.press(f"Alt+Digit{place}")
        assert tab.input_value("#text") == said[place].text_content()
    tab.fill("#text", "")
    tab.keyboard.press("Alt+KeyE")  # what was taken last, to be edited
    expect(tab.locator("#text")).to_be_focused()
    tab.keyboard.press("Control+End")
    tab.keyboard.type("您看可以吗？")
    assert tab.input_value("#text") == f"{said[3].text_content()}您看可以吗？"


def held_after(go_on, first, rest):
    """What an engine writes: the first sentence, and the rest once a test lets it."""

    def stream(_asked):
        yield first + rest[:1]  # a sentence ends where another begins
        assert go_on.wait(15)
        yield rest[1:]

    return stream


def test_a_reply_comes_by_sentences_and_each_shows_its_source(tab, world, engine, monkeypatch):
    go_on = threading.Event()
    fact = "随借随还额度可以随时还款，不收提前结清手续费，利息算到还款当天为止。"
    monkeypatch.setattr(engine, "stream", held_after(go_on, "您别着急，我帮您看一下。", fact))
    asked = message(12, "随借随还提前还要手续费吗，我有点拿不准")
    bring(world, "c12", asked, customer="卫女士")
    sign_in(tab, world.keys["li"])
    choose(tab, "卫女士")
    writing = tab.locator("#suggestions li.writing .said")
    expect(writing).to_have_text("您别着急，我帮您看一下。")
    expect(tab.locator("#reason")).to_contain_text("生成中…")
    go_on.set()
    expect(writing).to_have_count(0)
    known = tab.locator("#suggestions [title='产品资料 credit_line_settlement-1 v1']")
    known.hover()
    expect(known).to_have_text(fact)
    assert known.locator("xpath=..").text_content() == f"您别着急，我帮您看一下。{fact}"


def test_whatever_an_engine_does_the_page_lives_and_sends_a_script(tab, world, engine, monkeypatch):
    endless = Slow()
    bad = {
        "蒋女士": (Scripted(lambda asked: ""), "已弃用"),
        "沈先生": (Scripted(lambda asked: "\ufffd\ufffd好的"), "已弃用"),
        "韩女士": (endless, "生成中…"),
    }
    for number, customer in enumerate(bad, 13):
        bring(world, f"c{number}", message(number, UNSURE), customer=customer)
    # the latest is open at first
    bring(world, "c16", message(16, "怎么还款？"), customer="杨先生")
    sign_in(tab, world.keys["li"])
    for number, (customer, (one, said)) in enumerate(bad.items(), 13):
        monkeypatch.setattr(engine, "stream", one.stream)
        choose(tab, customer)
        expect(tab.locator("#reason")).to_contain_text(said)
        tab.keyboard.press("Alt+Digit1")
        tab.click("#send:enabled")
        tab.locator("#messages li.agent-said").wait_for()
        assert [one.verdict for one in verdicts_in(world, f"c{number}")] == ["accepted"]
    assert endless.ended.wait(30)


def streamed(*events):
    """An answer of POST /suggest as the page reads it."""
    body = "".join(f"event: {name}\ndata: {json.dumps(told)}\n\n" for name, told in events)
    return {"content_type": "text/event-stream", "body": body}


def test_what_is_recalled_stands_with_its_turn_and_a_stream_that_ends_stale_is_marked(tab, world):
    bring(world, "c17", message(17, "怎么还款？"), customer="朱女士")
    with world.client() as li:
        told = li.post("/suggest", json={"conversation": "c17"}).json()
    scripts = ("scripts", told | {"shown": ""})
    kept = told | {"recalled": [{"turn": 1, "text": "我上个月失业了"}]}
    sign_in(tab, world.keys["li"])
    choose(tab, "朱女士")
    tab.route("**/suggest", lambda route: route.fulfill(**streamed(scripts, ("done", kept))))
    tab.click("#another")
    expect(tab.locator("#recalled li")).to_have_text("↩ 第 1 条消息：我上个月失业了")
    tab.click("#language")
    expect(tab.locator("#recalled li")).to_have_text("↩ message 1: 我上个月失业了")
    tab.route("**/suggest", lambda route: route.fulfill(**streamed(scripts, ("stale", {}))))
    tab.click("#another")
    expect(tab.locator("#stale")).to_have_text("The customer has written again: these are stale")
    expect(tab.locator("#recalled li")).to_have_count(0)
    expect(tab.locator("#problem")).to_be_hidden()


def test_how_a_base_comes_is_said_on_the_page(tab, world, monkeypatch):
    def tell(how):
        monkeypatch.setattr(world.desk.writing, "state", f"scripts alone: qwen {how}")
        tab.reload()

    tell("is being fetched (parts fetched: 5 of 22)")
    sign_in(tab, world.keys["li"])
    tab.locator("#engine", has_text="正在下载模型 5/22，先用话术").wait_for()
    tell("is being unpacked (tensors unpacked: 7 of 338)")
    tab.locator("#engine", has_text="正在解包模型 7/338，先用话术").wait_for()
    tell("could not be brought: no network")
    tab.locator("#engine", has_text="模型未能取得，只用话术（no network）").wait_for()
    tab.click("#language")
    tab.locator("#engine", has_text="no model, scripts alone: no network").wait_for()


def test_an_analyst_sees_no_conversation_and_english_is_one_click_away(tab, world):
    sign_in(tab, world.keys["sun"])
    assert tab.locator("#agent").is_hidden()
    tab.locator("#worth", has_text="您的角色在这里没有可看的内容").wait_for()
    tab.click("#language")
    assert tab.title() == "Assistant · finmodel"
    answer = httpx.get(
        f"{world.address}/conversations/c1",
        headers={"authorization": f"Bearer {world.keys['sun']}"},
    )
    assert answer.status_code == 403


def test_a_supervisor_calls_a_false_alarm_one_and_finds_it_among_the_guards_cases(tab, world):
    bring(world, "c20", message(20, "我叫张伟，能保证批下来吗？"), customer="张先生")
    sign_in(tab, world.keys["li"])
    choose(tab, "张先生")
    tab.fill("#text", "张伟您好，没人能保证一定通过。")
    tab.click("#send")
    tab.wait_for_selector("#hits:not([hidden])")
    tab.click("#send")  # told once, it goes
    tab.locator("#messages li.agent-said").wait_for()
    tab.click("a[href='/quality']")
    tab.locator("#nothing", has_text="您的角色在这里没有可看的内容").wait_for()
    tab.click("#leave")
    sign_in(tab, world.keys["zhao"])
    found = tab.locator("#findings button", has_text="没人能保证一定通过")
    found.click()
    assert "审批或收益承诺" in found.inner_text()
    assert "自行输入" in found.inner_text()
    here = tab.locator("#one-body li.here")
    here.wait_for()
    assert "[姓名1]您好" in here.inner_text()
    assert "保证一定通过" in here.locator("mark").inner_text()
    assert "张伟" not in tab.locator("main").inner_text()
    tab.fill("#note", "是在否认")
    tab.click("#false-alarm")
    tab.locator("#done", has_text="已记为误报，并加入护栏用例").wait_for()
    case = tab.locator("#case-rows tbody tr", has_text="没人能保证一定通过。")
    case.wait_for()
    assert "仍会命中" in case.inner_text()
    assert found.count() == 0
    (kept,) = GuardCases(world.desk.settings.guard_cases).every()
    assert (kept.rule, kept.expected, kept.by) == ("promise", "none", "zhao")
    tab.select_option("#state", "false_alarm")
    found.wait_for()
    with tab.expect_download() as download:
        tab.click("#as-csv")
    taken = download.value.path().read_text("utf-8-sig")
    assert (download.value.suggested_filename, "误报" in taken) == ("质检.csv", True)
    tab.click("#language")
    tab.locator("#findings", has_text="A promise of approval or of yield").wait_for()
    tab.click("a[href='/']")
    tab.select_option("#by", "scenario")
    tab.locator("#handling td", has_text="repayment").wait_for()


HOST = """<!doctype html><title>desk</title>
<iframe id="panel" src="%s/panel"></iframe><textarea id="box"></textarea>
<script>
const panel = document.getElementById("panel");
addEventListener("message", (event) => {
  if (event.data.finmodel === "insert") document.getElementById("box").value = event.data.text;
});
const tell = (told) => panel.contentWindow.postMessage(told, "%s");
</script>"""


@contextmanager
def desktop(port, address):
    """A vendor's page of an origin of its own: a browser lets no public page hold a local one."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write((HOST % (address, address)).encode())

        def log_message(self, *told):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def desk(browser, world):
    """A vendor's page that may hold the panel, and what of it the tests touch."""
    tab = browser.new_page(locale="zh-CN")
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    with desktop(urlsplit(world.desk.settings.embed).port, world.address) as address:
        tab.goto(address)
        yield tab
        assert problems == []
    tab.close()


def sign_in_within(desk, key):
    panel = desk.frame_locator("#panel")
    panel.locator("#key").fill(key)
    panel.locator("#key-form button").click()
    panel.locator("#inside").wait_for()
    return panel


def tell(desk, **told):
    desk.evaluate("told => tell(told)", told)


def test_a_vendors_desktop_holds_the_panel_and_nobody_else_does(desk, world):
    bring(world, "d1", message(30, "我想提前结清，一共要还多少钱？"), customer="秦女士")
    tell(desk, finmodel="open", conversation="d1")  # before the sign-in
    panel = sign_in_within(desk, world.keys["li"])
    panel.locator('#suggestions li[data-place="1"] .said').click()
    desk.wait_for_function("document.getElementById('box').value.includes('8,123.45元')")
    panel.locator("#reason", has_text="首条话术已足够确定").wait_for()
    tell(desk, finmodel="sent", text=desk.input_value("#box"))
    tell(desk, finmodel="sent", text="请您稍等片刻。")
    wait_until(lambda: len(said_by_the_agent(world, "d1")) == 2, 20)
    asked = []
    desk.route("**/suggest", lambda route: asked.append(route))
    with desk.expect_request("**/suggest"):
        tell(desk, finmodel="said")
    tell(desk, finmodel="sent", text="已为您查到。")  # before any came
    asked[0].continue_()
    wait_until(lambda: said_by_the_agent(world, "d1")[2:] == ["已为您查到。"], 20)
    assert [one.verdict for one in verdicts_in(world, "d1")] == ["accepted"]
    with desktop(free_port(), world.address) as address:
        desk.goto(address)
        desk.wait_for_timeout(1_000)
        assert desk.frame_locator("#panel").locator("#key").count() == 0


def test_the_panel_writes_marks_and_judges_as_the_page_does(desk, world, engine, monkeypatch):
    go_on, endless = threading.Event(), Slow()
    monkeypatch.setattr(engine, "stream", held_after(go_on, "您别着急。", "我帮您看一下。"))
    bring(world, "d2", message(31, UNSURE), customer="尤先生")
    panel = sign_in_within(desk, world.keys["li"])
    tell(desk, finmodel="open", conversation="d2")
    expect(panel.locator("#suggestions li.writing .said")).to_have_text("您别着急。")
    go_on.set()
    expect(panel.locator("#suggestions li.writing")).to_have_count(0)
    second = panel.locator('#suggestions li[data-place="2"] .said')
    panel.locator("#another").press("Alt+Digit2")
    expect(desk.locator("#box")).to_have_value(second.text_content())
    panel.locator("body").evaluate(f"() => {COMPOSING}")
    panel.locator("#another").press("Alt+KeyX")
    panel.locator("#why-text").fill("答非所问")
    with desk.expect_request(lambda one: '"tone":"formal"' in (one.post_data or "")):
        panel.locator("#why button").click()
    (verdict,) = verdicts_in(world, "d2")
    assert (verdict.verdict, verdict.reason) == ("rejected", "答非所问")
    expect(desk.locator("#box")).to_have_value(second.text_content())  # composing put none there
    panel.locator("#tone").select_option("brief")
    with desk.expect_request(lambda one: '"tone":"brief"' in (one.post_data or "")):
        panel.locator("#another").click()
    expect(panel.locator("#suggestions", has_text="模型生成")).to_be_visible()
    held = []
    desk.route("**/suggest", lambda route: held.append(route), times=1)
    monkeypatch.setattr(engine, "stream", endless.stream)
    bring(world, "d2", message(32, f"您看呢，{UNSURE}"), customer="尤先生")
    tell(desk, finmodel="said")
    expect(panel.locator("#stale")).to_have_text("客户又发来消息，以下建议已过时")
    held[0].continue_()
    expect(panel.locator("#stale")).to_be_hidden()
    assert endless.began.wait(30)
    panel.locator('#suggestions li[data-place="1"] .said').click()
    expect(desk.locator("#box")).not_to_have_value(second.text_content())
    tell(desk, finmodel="sent", text=desk.input_value("#box"))  # no script waits for an engine
    assert endless.ended.wait(30)
    assert said_by_the_agent(world, "d2") == [desk.input_value("#box")]
    assert sorted(one.verdict for one in verdicts_in(world, "d2")) == ["accepted", "rejected"]


def test_both_languages_have_the_same_words():
    text = page.file("assist_words.js")[0].decode()
    zh, en = text.split("  en: {")
    names = [re.findall(r"^    (\w+):", part, re.M) for part in (zh, en)]
    assert len(names[0]) > 25
    assert names[0] == names[1]
