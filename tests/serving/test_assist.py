"""The assistant's service as a process, and the agent's page in Chromium."""

import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from serving import page
from tests.serving.assist_world import assist_world, brought, message
from tests.serving.demo_shell import Shell, processes_in
from tests.serving.small_adapter import promoted, shelved
from tests.serving.small_world import ROOT, answers, free_port, wait_until

pytestmark = pytest.mark.servers
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


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with assist_world(tmp_path_factory.mktemp("assist"), lambda asked: REPLY) as made:
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
    bring(world, "c9", message(11, "什么时候还款？"), customer="冯先生")
    with tab.expect_response("**/suggest"):
        tab.locator("#messages li", has_text="什么时候").wait_for()
    tab.locator("#send:enabled").wait_for()
    for number, words in enumerate(("您好，我先核对一下。", "请您稍等片刻。"), 1):
        tab.fill("#text", words)
        tab.click("#send")
        tab.locator("#messages li.agent-said").nth(number - 1).wait_for()
    assert said_by_the_agent(world, "c9") == ["您好，我先核对一下。", "请您稍等片刻。"]
    (verdict,) = [one for one in world.desk.suggestions.verdicts() if one.conversation == "c9"]
    assert (verdict.verdict, verdict.after) == ("rejected", "m11")


def test_suggestions_are_asked_for_again_where_there_was_no_room(tab, world):
    bring(world, "c10", message(12, "怎么还款？"), customer="褚女士")
    sign_in(tab, world.keys["li"])
    full = {"code": "NotReady", "what": "6 replies are being written or waited for"}
    answer = {"status": 503, "headers": {"Retry-After": "0.2"}, "json": {"error": full}}
    tab.route("**/suggest", lambda route: route.fulfill(**answer), times=1)
    choose(tab, "褚女士")


def test_keys_do_nothing_while_an_input_method_composes(tab, world):
    bring(world, "c6", message(7, "什么时候还款？"), customer="周女士")
    sign_in(tab, world.keys["li"])
    tab.locator("#lines button", has_text="周女士").click()
    tab.locator('#suggestions li[data-place="1"] .said').wait_for()
    tab.evaluate(
        "document.dispatchEvent(new KeyboardEvent('keydown',"
        " {code: 'Digit1', altKey: true, isComposing: true, bubbles: true}))"
    )
    assert tab.input_value("#text") == ""


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


def test_a_vendors_desktop_holds_the_panel_and_nobody_else_does(browser, tmp_path):
    mine, other = free_port(), free_port()
    with assist_world(tmp_path, embed=f"http://127.0.0.1:{mine}") as world:
        bring(world, "c1", message(1, "我想提前结清，一共要还多少钱？"), customer="陈女士")
        tab = browser.new_page()
        with desktop(mine, world.address) as address:
            tab.goto(address)
            panel = tab.frame_locator("#panel")
            tab.evaluate("tell({finmodel: 'open', conversation: 'c1'})")  # before the sign-in
            panel.locator("#key").fill(world.keys["li"])
            panel.locator("#key-form button").click()
            panel.locator('#suggestions li[data-place="1"] .said').click()
            tab.wait_for_function("document.getElementById('box').value.includes('8,123.45元')")
            panel.locator("#reason", has_text="首条话术已足够确定").wait_for()
            tab.evaluate("tell({finmodel: 'sent', text: document.getElementById('box').value})")
            tab.evaluate("tell({finmodel: 'sent', text: '请您稍等片刻。'})")
            wait_until(lambda: len(said_by_the_agent(world, "c1")) == 2, 20)
            asked = []
            tab.route("**/suggest", lambda route: asked.append(route))
            with tab.expect_request("**/suggest"):
                tab.evaluate("tell({finmodel: 'said'})")
            tab.evaluate("tell({finmodel: 'sent', text: '已为您查到。'})")  # before any came
            asked[0].continue_()
            wait_until(lambda: said_by_the_agent(world, "c1")[2:] == ["已为您查到。"], 20)
        assert next(world.desk.suggestions.verdicts()).verdict == "accepted"
        with desktop(other, world.address) as address:
            tab.goto(address)
            tab.wait_for_timeout(1_000)
            assert tab.frame_locator("#panel").locator("#key").count() == 0
        tab.close()


def test_both_languages_have_the_same_words():
    text = page.file("assist_words.js")[0].decode()
    zh, en = text.split("  en: {")
    names = [re.findall(r"^    (\w+):", part, re.M) for part in (zh, en)]
    assert len(names[0]) > 25
    assert names[0] == names[1]
