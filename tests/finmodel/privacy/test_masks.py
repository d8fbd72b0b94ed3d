"""Masks: stable, undone for who may see, idempotent, and the same in pieces as at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from finmodel.privacy.kinds import KINDS, LABELS, PLACEHOLDER
from finmodel.privacy.masks import Masks, StreamMasker

PERSONAL = [
    "13800138000",
    "139 1234 5678",
    "11010519491231002X",
    "6250941006528599",
    "zhang@example.com",
    "我叫王小明",
    "李娜女士",
    "微信号 zhang_1988",
    "QQ：12345678",
    "京A12345",
    "护照E12345678",
    "010-62345678",
    "我住在北京市朝阳区建国路88号",
]
PLAIN = [
    "您好",
    "，",
    "。",
    " ",
    "本期应还1,234.50元",
    "还款日6月3日",
    "\n",
    "？",
    "谢谢",
    "第3期",
    "😀",
]
APART = st.lists(
    st.tuples(st.sampled_from(PERSONAL), st.sampled_from(["，", "。", " ", "\n", "、谢谢"])),
    max_size=6,
).map(lambda pairs: "".join(one + gap for one, gap in pairs))
TEXTS = st.lists(st.sampled_from(PERSONAL + PLAIN), max_size=12).map("".join)


@given(TEXTS)
def test_masking_again_changes_nothing(text):
    masks = Masks()
    masked = masks.mask(text)
    assert masks.mask(masked) == masked
    assert Masks().mask(masked) == masked


@given(TEXTS)
def test_what_was_masked_comes_back(text):
    masks = Masks()
    assert masks.restore(masks.mask(text)) == text


@given(TEXTS, st.lists(st.integers(1, 7), min_size=1, max_size=60))
def test_a_stream_in_any_pieces_is_the_text_masked_at_once(text, sizes):
    stream, out, at = StreamMasker(Masks()), "", 0
    for size in sizes:
        out += stream.feed(text[at : at + size])
        at += size
    out += stream.feed(text[at:]) + stream.close()
    assert out == Masks().mask(text)


@given(APART)
def test_no_digits_of_a_person_leave_a_stream(text):
    stream = StreamMasker(Masks())
    out = "".join(stream.feed(one) for one in text) + stream.close()
    for secret in ("138001", "12345678", "11010519", "62509410", "zhang", "王小明", "京A"):
        assert secret not in out


def test_one_number_has_one_placeholder_all_conversation_long():
    masks = Masks()
    first = masks.mask("电话138-0013-8000，我叫王小明")
    later = masks.mask("就打１３８００１３８０００，或者13900139000，找王小明先生")
    assert first == "电话[手机号1]，我叫[姓名1]"
    assert later == "就打[手机号1]，或者[手机号2]，找[姓名1]先生"


def test_a_role_sees_the_kinds_that_it_may():
    masks = Masks()
    masked = masks.mask("我叫王小明，电话13800138000")
    assert masks.restore(masked, {"name"}) == "我叫王小明，电话[手机号1]"
    assert masks.restore(masked, ()) == masked
    assert masks.restore("[手机号7]和[姓名1]") == "[手机号7]和王小明"


def test_a_placeholder_that_a_customer_typed_is_given_to_nobody():
    masks = Masks()
    masked = masks.mask("我写[手机号1]，真的是13800138000")
    assert masked == "我写[手机号1]，真的是[手机号2]"
    assert masks.restore(masked) == "我写[手机号1]，真的是13800138000"


def test_two_conversations_share_nothing():
    one, other = Masks(), Masks()
    one.mask("13800138000")
    assert other.mask("13900139000") == "[手机号1]"
    assert other.restore("[手机号1]") == "13900139000"


def test_masks_are_kept_and_given_back():
    masks = Masks()
    masked = masks.mask("电话13800138000，我叫王小明")
    again = Masks.of_kept(masks.kept())
    assert again.restore(masked) == masks.restore(masked)
    assert again.mask("13800138000，13900139000") == "[手机号1]，[手机号2]"
    with pytest.raises(BadInput, match="it is no placeholder"):
        Masks.of_kept({"手机号1": ("1", "1")})


def test_nothing_shows_what_stands_behind():
    masks = Masks()
    masks.mask("电话13800138000")
    assert repr(masks) == "Masks(1)"
    assert "138" not in repr(StreamMasker(masks))


def test_every_kind_has_its_own_label():
    assert len(set(LABELS.values())) == len(KINDS)
    assert all(PLACEHOLDER.fullmatch(f"[{label}12]") for label in LABELS.values())


def test_a_name_that_was_given_once_is_known_afterwards():
    masks = Masks()
    said = "您好，我叫张伟，张伟的贷款，请转告欧阳娜娜女士"
    assert masks.mask(said) == "您好，我叫[姓名1]，[姓名1]的贷款，请转告[姓名2]女士"
    assert masks.mask("欧阳娜娜和张伟都在") == "[姓名2]和[姓名1]都在"
    again = Masks.of_kept(masks.kept())
    assert again.mask("让张伟接电话") == "让[姓名1]接电话"
    assert Masks().mask("让大家接电话") == "让大家接电话"


def test_pieces_are_as_at_once_where_a_name_comes_before_its_hint():
    text = "叫张大伟接电话，我叫张大伟，张大伟呢"
    stream = StreamMasker(Masks())
    assert "".join([*map(stream.feed, text), stream.close()]) == Masks().mask(text)
