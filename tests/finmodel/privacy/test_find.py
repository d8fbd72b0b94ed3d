"""What the rules find, miss and falsely find: on lists, on drawn names, on real questions."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.lender.talk.conversations import write
from finmodel.privacy.checks import id_check
from finmodel.privacy.find import find
from finmodel.privacy.masks import Masks
from finmodel.settings import Settings

HERE = Path(__file__).parent
MARK = re.compile(r"<(\w+)\|([^>]*)>")


def lines(name):
    rows = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [row for row in rows if row and not row.startswith("#")]


def found(text):
    return {(one.kind, one.start, one.end) for one in find(text)}


def unmarked(line):
    """The text without marks, and what was marked in it."""
    marks, text, at = set(), "", 0
    for mark in MARK.finditer(line):
        text += line[at : mark.start()]
        marks.add((mark[1], len(text), len(text) + len(mark[2])))
        text, at = text + mark[2], mark.end()
    return text + line[at:], marks


def counted(name):
    """How many are marked, missed, and falsely found, by kind."""
    there, missed, false = Counter(), Counter(), Counter()
    for line in lines(name):
        text, marks = unmarked(line)
        got = found(text)
        there.update(kind for kind, _, _ in marks)
        missed.update(kind for kind, _, _ in marks - got)
        false.update(kind for kind, _, _ in got - marks)
    return there, missed, false


def test_the_list_that_the_rules_were_tuned_on():
    there, missed, false = counted("marked.txt")
    assert there.total() >= 100
    assert len(there) == 11  # every kind
    assert missed == {"name": 1}  # 张三, alone
    assert false == {}


def test_the_list_that_was_written_later():
    """Ten of 47 names are missed, most without a hint beside; nothing else, and nothing false."""
    there, missed, false = counted("marked_later.txt")
    assert there["name"] == 47
    assert missed.keys() <= {"name"}
    assert missed["name"] <= 10
    assert false == {}


FRAMES = {
    "told": (["我叫{}，想查账单", "姓名：{}", "持卡人{}，卡丢了", "联系人是{}", "户名：{}"], 0.03),
    "titled": (["{}先生您好", "请转告{}女士"], 0.03),
    "said": (["我是{}，昨天打过电话", "本人{}，申请延期", "客户{}，请联系"], 0.10),
    "alone": (["{}", "好的，{}"], 0.10),
    "in the midst": (["{}的贷款为什么找我", "昨天跟{}说好了减免", "钱已经还给{}了"], 0.11),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_names_that_nobody_here_chose(frame):
    """The share of drawn names that is missed is at most what was measured, rounded up."""
    frames, most = FRAMES[frame]
    names = lines("names.txt")
    missed = sum(
        ("name", text.index("{}"), text.index("{}") + len(name)) not in found(text.format(name))
        for text in frames
        for name in names
    )
    assert len(names) >= 250
    assert missed / (len(frames) * len(names)) <= most


def test_real_questions_of_customers_hold_no_names():
    """Their numbers were masked before they were published; names are hardly ever in them."""
    folder = Settings.from_env().data / "afqmc"
    if not folder.is_dir():
        pytest.skip("Ant's questions are not here: FINMODEL_DATA/afqmc")
    pairs = (folder / "dev.txt").read_text(encoding="utf-8").splitlines()
    questions = {text for pair in pairs for text in pair.split("\t")[:2]}
    false = [text for text in questions if find(text)]
    assert len(questions) > 8_000
    assert len(false) <= 2


def test_what_the_simulated_lenders_customers_give_away():
    """Written by other hands, with typing errors; nothing that an agent says is personal."""
    given = missed = 0
    for one in write(900, seed=11):
        personal: dict[str, list[str]] = {}
        for message, text in one.personal:
            personal.setdefault(message, []).append(text)
        for message in one.conversation.messages:
            left = Masks().mask(message.text)
            if message.who == "agent":
                assert left == message.text
            given += len(personal.get(message.id, []))
            missed += sum(text in left for text in personal.get(message.id, []))
    assert given >= 500
    assert missed / given <= 0.01


SEPARATORS = st.sampled_from(["", " ", "-"])
BEFORE = st.sampled_from(["", "电话", "号码是", "我的", "ID:", "（"])
AFTER = st.sampled_from(["", "。", "吧", " 谢谢", "）"])


@given(BEFORE, st.integers(13_000_000_000, 19_999_999_999), SEPARATORS, AFTER)
def test_a_mobile_is_found_in_any_writing(before, number, gap, after):
    digits = str(number)
    written = gap.join([digits[:3], digits[3:7], digits[7:]])
    wide = written.translate({ord(str(one)): chr(0xFF10 + one) for one in range(10)})
    for one in (written, wide):
        (got,) = find(f"{before}{one}{after}")
        assert (got.kind, got.key) == ("mobile", digits)
        assert f"{before}{one}{after}"[got.start : got.end] == one


@given(
    BEFORE,
    st.dates(min_value=date(1930, 1, 1)),
    st.integers(0, 999),
    SEPARATORS,
    AFTER,
)
def test_an_identity_card_is_found_in_any_writing(before, born, order, gap, after):
    first = f"440305{born:%Y%m%d}{order:03d}"
    if born.year >= 2100:
        return
    digits = first + id_check(first)
    written = gap.join([digits[:6], digits[6:14], digits[14:]])
    got = [one for one in find(f"{before}{written}{after}") if one.kind == "id_card"]
    assert [one.key for one in got] == [digits]


@given(st.integers(0, 10**9))
def test_sums_dates_and_hotlines_are_not_personal(number):
    fen = f"{number // 100:,}.{number % 100:02d}元"
    text = f"应还{fen}，2026年6月3日前，尾号{number % 10_000:04d}，客服400-123-4567或95566"
    assert find(text) == []


def test_a_finding_shows_no_value():
    (one,) = find("电话13800138000")
    assert "138" not in repr(one)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["1 ", "王先生", "建国路", "北京市", " ", "先生", "我叫", "a@", "138-", "13800138000 "]
)
def test_a_hundred_thousand_characters_are_read_in_one_pass(piece):
    """A pattern that tries every way to part a run would not come back at all."""
    assert len(find(piece * (100_000 // len(piece)))) < 100_000


@pytest.mark.parametrize("name", ["高钛铼", "何小军", "王小明", "曾荔枝"])
def test_a_name_that_somebody_is_told_is_theirs_is_one(name):
    assert ("name", 2, 2 + len(name)) in found(f"您叫{name}。")


@pytest.mark.parametrize("text", ["您叫什么名字？", "你叫高级客服来。", "您叫我怎么还。"])
def test_whoever_is_called_or_asked_for_their_name_is_not_named(text):
    assert found(text) == set()
