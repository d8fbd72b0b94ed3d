"""A false alarm becomes a case by the fewest masked words in which it is still told."""

from datetime import UTC, datetime

from finmodel.assistant.guards.cases import Case, Words, fewest, rules_told, still_told
from finmodel.assistant.guards.outbound import broken
from finmodel.privacy.masks import Masks


def words(text, before=""):
    (one,) = [one for one in broken(text, before=before) if one.rule == "promise"]
    return Words(text, one.start, one.end, before)


def test_other_sentences_and_whoever_is_named_are_left_out():
    said = words("张伟您好，我的电话13800138000。没人能保证一定通过。谢谢。")
    assert fewest(said, "promise", Masks()) == ("没人能保证一定通过。", "")


def test_what_began_in_the_message_before_is_kept_with_it_masked():
    masks = Masks()
    masks.mask("我叫张伟")
    text, before = fewest(words("能通过的。", "张伟您好，这笔贷款保证"), "promise", masks)
    assert (text, before) == ("能通过的。", "[姓名1]您好，这笔贷款保证")
    assert "promise" in rules_told(text, before)


def test_a_case_is_told_by_its_own_rule_alone():
    def case(rule, text):
        at = datetime(2026, 6, 3, tzinfo=UTC)
        return Case(id="f", rule=rule, expected="none", text=text, by="zhao", at=at)

    assert still_told(case("promise", "保证通过。"))
    assert not still_told(case("evasion", "保证通过。"))
    assert not still_told(case("promise", "请您按时还款。"))
