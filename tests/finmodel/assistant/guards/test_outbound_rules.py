"""The rules are whole, and each has a safe way of saying it that breaks none."""

from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.guards.patterns import Reading


def test_no_rewrite_breaks_a_rule():
    rewrites = {name: one.rewrite for name, one in rules().items() if one.rewrite}
    told = {
        name: other
        for name, text in rewrites.items()
        for other, rule in rules().items()
        if list(rule.hits(Reading(text)))
    }
    assert len(rewrites) >= 6
    assert told == {}


def test_denial_says_the_opposite():
    for text in ("我们不会上门", "请不要以贷养贷", "任何人不能保证通过"):
        assert [name for name, one in rules().items() if list(one.hits(Reading(text)))] == []


def test_a_rate_with_its_years_is_told():
    assert list(rules()["rate"].hits(Reading("日利率0.05%，年化利率（单利）18%"))) == []
    assert list(rules()["rate"].hits(Reading("日利率0.05%"))) != []
