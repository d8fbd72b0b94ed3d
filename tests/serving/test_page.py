"""A walk through the console in a real browser, in both languages."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from finmodel import errors
from finmodel.errors import FinmodelError, NotFound
from finmodel.events import TOPICS
from serving import page, refusals
from serving.access import People


def test_the_files_of_the_page_are_static_and_without_inline_script():
    assert set(page.FILES) == {
        "index.html",
        "monitoring.html",
        "alerts.js",
        "app.js",
        "audit.html",
        "audit.js",
        "audit_words.js",
        "assist.css",
        "assist.html",
        "assist.js",
        "assist_panels.js",
        "assist_stream.js",
        "assist_words.js",
        "charts.js",
        "draw.js",
        "frame.js",
        "human_look.js",
        "marketing.html",
        "marketing.js",
        "marketing_panels.js",
        "marketing_words.js",
        "monitoring.js",
        "monitoring_words.js",
        "offered.js",
        "panel.html",
        "panel.js",
        "panels.js",
        "quality.css",
        "quality.html",
        "quality.js",
        "quality_panels.js",
        "quality_words.js",
        "question.js",
        "record.js",
        "refusals.js",
        "road.html",
        "road.js",
        "road_words.js",
        "scripts.html",
        "scripts.js",
        "scripts_words.js",
        "sheets.js",
        "underwriting.css",
        "underwriting.html",
        "underwriting.js",
        "underwriting_words.js",
        "words.js",
        "wrap_up.js",
        "wrap_up_words.js",
        "monitoring.css",
        "style.css",
        "suggestion_card.js",
        "icon.svg",
    }
    for html in (page.file(name)[0].decode() for name in page.FILES if name.endswith(".html")):
        assert html.count("<script") == html.count('<script type="module" src="/console/') == 1
        assert "style=" not in html
        assert "http" not in html.replace("http-equiv", "")
    for name, (data, _) in page.FILES.items():
        assert b"innerHTML" not in data, name
    with pytest.raises(NotFound):
        page.file("../decisions.py")


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("words.js", 60),
        ("audit_words.js", 30),
        ("marketing_words.js", 50),
        ("monitoring_words.js", 60),
        ("road_words.js", 50),
        ("wrap_up_words.js", 25),
        ("quality_words.js", 30),
        ("scripts_words.js", 30),
        ("underwriting_words.js", 30),
    ],
)
def test_both_languages_have_the_same_words(file, least):
    words = page.file(file)[0].decode()
    zh, en = words.split("\n  en: {")
    names = [
        [line.split(":")[0].strip() for line in part.splitlines() if line.startswith("    ")]
        for part in (zh, en)
    ]
    assert len(names[0]) > least
    assert names[0] == names[1]


SERVING = Path(page.__file__).parent
REFUSING = (
    *(SERVING / f"{name}.py" for name in ("answering", "border", "decisions", "dossier", "flows")),
    *(SERVING / f"{name}.py" for name in ("inside", "sessions", "signing_in")),
    *(SERVING / f"{name}.py" for name in ("audit_page", "monitoring_page", "page", "policy_asked")),
    *(SERVING / name for name in ("campaign_page.py", "campaigns/plan.py", "offers/room.py")),
    *(
        SERVING / "monitoring" / f"{name}.py"
        for name in ("behind", "first_rows", "kept", "reading", "room")
    ),
    SERVING.parent / "finmodel" / "imported_files.py",
    *(
        SERVING.parent / "finmodel" / "editing" / f"{one}.py"
        for one in ("draft", "draft_file", "published", "publishing", "seen", "sorting")
    ),
    *(
        SERVING.parent / "finmodel" / "workbooks" / f"{one}.py"
        for one in ("cells", "envelope", "package")
    ),
    SERVING / "assisting" / "writing.py",
    *(SERVING / "road" / f"{name}.py" for name in ("letters", "looking")),
    SERVING / "brokers.py",
    *(
        SERVING / "assisting" / f"{one}.py"
        for one in (
            "conversing",
            "judging",
            "looking",
            "quality",
            "routes",
            "wrapping_up",
            "writing",
        )
    ),
    *(
        SERVING.parent / "finmodel" / f"{one}.py"
        for one in (
            "conversation_book",
            "finding_book",
            "suggestion_book",
            "tickets",
            "wrap_up_book",
        )
    ),
    *(SERVING.parent / "risk" / "underwriting" / f"{one}.py" for one in ("book", "case")),
    SERVING.parent / "finmodel" / "two_eyes.py",
    SERVING / "underwriting" / "room.py",
    *(SERVING.parent / "risk" / "monitor" / f"{one}.py" for one in ("alerts", "periods", "points")),
)
"""What can refuse somebody who sits at the console."""


def sentences() -> list[str]:
    return re.findall(r'^  \["(.+?)", "', page.file("refusals.js")[0].decode(), re.M)


def kinds(of: type[FinmodelError]) -> set[str]:
    return {of.__name__}.union(*(kinds(one) for one in of.__subclasses__()))


def refusals_in(path: Path) -> list[list[str]]:
    """What each refusal of a module says, by the pieces that are the same each time."""
    calls = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    return [
        [one.value for one in ast.walk(call.args[0]) if isinstance(one, ast.Constant)]
        for call in calls
        if getattr(call.func, "id", "") in kinds(FinmodelError) and call.args
    ]


def test_whatever_the_console_can_be_refused_has_a_chinese_sentence():
    told, found = sentences(), 0
    for path in REFUSING:
        for pieces in refusals_in(path):
            own = [piece for piece in pieces if isinstance(piece, str) and len(piece) > 6]
            if own and own != ["Expected `", "`, got `"]:
                assert any(known in piece for piece in own for known in told), (path.name, own)
                found += 1
    assert found > 25


def test_every_chinese_sentence_is_of_one_that_the_service_says():
    folders = ("serving", "risk", "marketing", "feature_store", "finmodel")
    sources = [path for one in folders for path in (SERVING.parent / one).rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    of_msgspec = {"contains unknown field", "missing required field"}
    told = sentences()
    assert len(told) == len(set(told)) > 40
    assert [one for one in told if one not in text and one not in of_msgspec] == []
    own = set(re.findall(r'^  (\w+): "', page.file("refusals.js")[0].decode(), re.M))
    named = {one for here in (errors, refusals) for one in vars(here)}
    assert own - {"other"} == (named & kinds(FinmodelError)) - {"FinmodelError"}


KIND_AT = {
    "audited": (1,), "append": (0,), "append_async": (0,), "Move": (0,),
    "record": (0,), "_record": (0, 1), "_notice": (0,),
}  # fmt: skip
"""What writes entries, and where among its arguments the kind stands."""
NOT_ALWAYS = {"record", "_record", "_notice"}
"""Names that other functions have too: a first argument that is no kind says nothing."""
PASSED_ON = {
    ("acts.py", "kind"), ("moves.py", "move.kind"), ("desk.py", "kind"), ("operators.py", "kind"),
}  # fmt: skip
"""Where a kind goes through: whoever gives it is looked at in their own place."""
OF_LIVE = (
    {f"{what}_in_service" for what in ("model", "challenger", "policy", "switch")}
    | {"champion_withdrawn", "challenger_withdrawn"}
    | {"export_refused", "challenger_refused", "policy_refused"}
)
"""What `live` makes of the names of what it follows."""
OWN_LOG = {"alert", *TOPICS}
"""Kinds of the alerts' log and topics of the event log, neither of which is the auditor's."""


def kinds_in(path: Path) -> tuple[set[str], set[tuple[str, str]]]:
    """The kinds that a module writes, constants of whatever module too; what could not be read."""
    found, unread, text = set(), set(), path.read_text()
    strange = set() if "from finmodel.moves import" in text else {"Move"}
    for call in ast.walk(ast.parse(text)):
        name = getattr(call.func, "attr", getattr(call.func, "id", "")) if is_call(call) else ""
        if name not in KIND_AT.keys() - strange or (name == "append" and not is_log(call)):
            continue
        given = [call.args[at] for at in KIND_AT[name] if at < len(call.args)]
        kinds = {kind for one in given if (kind := constant(one, path))}
        found |= kinds
        if not kinds and name not in NOT_ALWAYS:
            unread.add((path.name, ast.unparse(given[0])))
    return found, unread


def is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)


def is_log(call: ast.Call) -> bool:
    """Whether it appends a kind and a body; a list takes one thing, and numpy is no log."""
    return len(call.args) + len(call.keywords) > 1 and ast.unparse(call.func) != "np.append"


def constant(node: ast.expr, path: Path) -> str:
    """The words of a literal or of a module's constant; empty where it is neither."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not re.fullmatch(r"(\w+\.)?[A-Z_]+", ast.unparse(node)):
        return ""
    named = path.relative_to(SERVING.parent).with_suffix("").parts
    here = importlib.import_module(".".join(named))
    for part in ast.unparse(node).split("."):
        here = getattr(here, part)
    return here if isinstance(here, str) else ""


def test_what_the_platform_records_has_a_name_on_the_auditors_page():
    words = page.file("audit_words.js")[0].decode()
    recorded, unread = set(OF_LIVE), set()
    for folder in ("serving", "risk", "finmodel", "marketing"):
        for path in (SERVING.parent / folder).rglob("*.py"):
            if re.search(r"audited|append|Move\(|record\(|_notice", path.read_text()):
                kinds, others = kinds_in(path)
                recorded |= kinds
                unread |= others
    assert unread == PASSED_ON
    by_constants = {"case_act", "scripts_drafted", "scripts_expired", "dead_letter_replayed"}
    assert by_constants | {"waiver", "decision", "sign_in_refused"} <= recorded
    for told in re.findall(r"^    kinds: \{(.*?)^    \}", words, re.M | re.S):
        assert sorted(recorded - OWN_LOG - set(re.findall(r'(\w+): "', told))) == []


@pytest.fixture
def tab(browser, service):
    """A fresh tab on the console; whatever it complains of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.goto(service)
    yield tab
    context.close()
    refused = "the server responded with a status of 4"
    assert [one for one in complaints if refused not in one] == []


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")


@pytest.mark.servers
def test_a_walk_from_the_key_to_the_record(tab, world):
    expect(tab.locator("#banner")).to_contain_text("演示数据 · 时钟停在 2005-10-01")
    expect(tab.locator("#desk")).to_be_hidden()
    sign_in(tab, world.keys["underwriter"])
    expect(tab.locator("#person")).to_contain_text("the underwriter")
    expect(tab.locator("#model")).to_contain_text("behaviour_risk")
    expect(tab.locator("#model")).to_contain_text("0.7800")

    tab.fill("#customer", "42")
    tab.click("#decide")
    answer = tab.locator("#answer")
    expect(answer.locator(".badge")).to_have_text("拒绝")
    expect(answer).to_contain_text("balance不佳")
    expect(answer.locator(".reason")).not_to_have_count(0)
    expect(answer.locator(".age")).to_have_count(3)

    tab.click("#language")
    expect(answer.locator(".badge")).to_have_text("Decline")
    expect(tab.locator("#banner")).to_contain_text("the clock stands at 2005-10-01")
    tab.reload()
    expect(tab.locator("#ask-title")).to_have_text("Drawdown application")
    expect(tab.locator("#recent .badge")).to_have_text("Decline")

    tab.click("#recent a")
    expect(tab.locator("#explain .replay.same")).to_be_visible()
    expect(tab.locator("#explain .features tbody tr")).to_have_count(9)
    expect(tab.locator("#explain")).to_contain_text("cash_loan")
    tab.click("#explain .back")
    expect(tab.locator("#desk")).to_be_visible()
    tab.click("#leave")
    expect(tab.locator("#sign-in")).to_be_visible()


def come_in(tab, name, password):
    tab.fill("#own-name", name)
    tab.fill("#password", password)
    tab.click("#session-form button")


@pytest.mark.servers
def test_a_session_that_ended_takes_nothing_that_was_typed_with_it(tab, world):
    people, password = People(world.settings.people), "lantern orbit mustard quay"
    for name in ("赵敏", "钱多"):
        people.add(name, {"underwriter"})
        people.set_password(name, password)
    try:
        come_in(tab, "赵敏", "another one altogether")
        expect(tab.locator("#session-problem")).to_contain_text("未登录：姓名或密码不对")
        come_in(tab, "赵敏", password)
        expect(tab.locator("#person")).to_contain_text("赵敏 审批员")
        tab.fill("#customer", "42")
        tab.fill("#amount", "1234")
        people.set_password("赵敏", password + "!")
        tab.click("#decide")
        expect(tab.locator("#session-ended")).to_contain_text("已填写的内容都还在")
        expect(tab.locator("#desk")).to_be_hidden()
        expect(tab.locator("#own-name")).to_have_value("赵敏")
        tab.fill("#password", password + "!")
        tab.click("#session-form button")
        expect(tab.locator("#customer")).to_have_value("42")
        expect(tab.locator("#amount")).to_have_value("1234")
        tab.click("#decide")
        expect(tab.locator("#answer .badge")).to_have_text("拒绝")
        tab.reload()
        expect(tab.locator("#person")).to_contain_text("赵敏")
        people.set_password("赵敏", password)
        expect(tab.locator("#sign-in")).to_be_visible(timeout=10_000)
        come_in(tab, "钱多", password)
        expect(tab.locator("#person")).to_contain_text("钱多")
        expect(tab.locator("#recent .badge")).to_have_count(0)
        tab.click("#leave")
        expect(tab.locator("#sign-in")).to_be_visible()
        expect(tab.locator("#session-ended")).to_be_hidden()
    finally:
        people.revoke("赵敏")
        people.revoke("钱多")


@pytest.mark.servers
def test_what_goes_wrong_is_said_on_the_page(tab, world):
    sign_in(tab, "fm_nobody")
    expect(tab.locator("#key-problem")).to_contain_text("不属于任何人")
    sign_in(tab, world.keys["underwriter"])
    tab.fill("#customer", "999999")
    tab.click("#decide")
    said = tab.locator("#ask-problem")
    expect(said).to_contain_text("未找到：没有任何特征视图有这位客户的数据；请核对客户编号")
    expect(said).to_contain_text("（no feature view knows this customer — check the id")
    tab.click("#language")
    expect(said).to_have_text(re.compile("^Not found: no feature view knows this customer — check"))
    tab.click("#language")
    tab.fill("#customer", "5")
    tab.click("#decide")
    expect(tab.locator("#answer .badge")).to_have_text("转人工")
    expect(tab.locator("#answer")).to_contain_text("视图过期：balance")
    expect(tab.locator("#answer .age.stale")).to_have_count(1)


@pytest.mark.servers
def test_who_may_not_decide_is_told_so(tab, world):
    sign_in(tab, world.keys["agent"])
    tab.fill("#customer", "42")
    tab.click("#decide")
    expect(tab.locator("#ask-problem")).to_contain_text("无权限：您的角色不能做这件事")
    expect(tab.locator("#ask-problem")).to_contain_text("ask somebody who is underwriter")


@pytest.mark.servers
def test_an_alias_moved_by_hand_is_shown(tab, world):
    notice = world.settings.home / "alias_status.json"
    notice.write_text('{"moved": [{"alias": "champion"}]}')
    try:
        sign_in(tab, world.keys["engineer"])
        expect(tab.locator("#model .warning")).to_contain_text("MLflow")
    finally:
        notice.unlink()


@pytest.mark.servers
def test_names_are_shown_as_text_and_never_as_markup(tab, world):
    people = People(world.settings.people)
    key = people.add("<img src=x onerror=alert(1)>", {"agent"})
    try:
        sign_in(tab, key)
        expect(tab.locator("#person")).to_contain_text("<img src=x")
        expect(tab.locator("#person img")).to_have_count(0)
    finally:
        people.revoke("<img src=x onerror=alert(1)>")
