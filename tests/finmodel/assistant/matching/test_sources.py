"""Product facts: enough, in step with the products, refused in a sentence, current at once."""

from datetime import date

import msgspec
import pytest

from finmodel.assistant.matching.sources import SHIPPED, Source, Sources, load_sources
from finmodel.assistant.products import load_products
from finmodel.assistant.scripts import State
from finmodel.errors import BadInput, NotFound

DAY = date(2026, 6, 3)
GOOD = """sources:
- id: fee-1
  version: 1
  topic: 手续费
  valid_from: 2026-01-15
  reviewer: compliance.he
  text: 提前结清不收手续费。
"""


def test_every_product_tells_rate_fees_settlement_method_and_lateness():
    known = load_sources()
    assert len(known) >= 30
    for product in load_products():
        told = {one.id for one in known if one.product == product}
        kinds = ("rate", "fees", "settlement", "method", "late")
        assert told == {f"{product}_{kind}-1" for kind in kinds}


def test_sources_say_what_the_products_say():
    by_id = {one.id: one.text for one in load_sources()}
    methods = {"equal_instalment": "等额本息", "interest_first": "先息后本"}
    for product, terms in load_products().items():
        settling = by_id[f"{product}_settlement-1"]
        assert ("不收提前结清手续费" in settling) == (terms.settlement_fee == 0)
        assert ("免手续费" in settling) == (terms.settlement_free_after is not None)
        assert ("没有宽限期" in by_id[f"{product}_late-1"]) == (terms.grace_days == 0)
        from_end = terms.grace_days > 0 and terms.penalty_from == "grace_end"
        assert ("从宽限期结束起" in by_id[f"{product}_late-1"]) == from_end
        assert ("按日计息" in by_id[f"{product}_rate-1"]) == (terms.interest_by == "day")
        assert ("放款时" in by_id[f"{product}_fees-1"]) == (terms.upfront_fee > 0)
        assert methods.get(terms.method, "等额") in by_id[f"{product}_method-1"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("不收手续费。/手续费为百分之二。", "a number stands in the text"),
        ("不收手续费。/日利率很低。", "the annualised one is not"),
        ("不收手续费。/应还{amount_due}。", "not verified"),
        ("不收手续费。/见{fee_amount}。", "is no slot"),
        ("version: 1/version: 0", "fee-1"),
        ("  topic/  product: gold\n  topic", "no product 'gold'"),
        ("  topic/  valid_to: 2025-01-01\n  topic", "expires before it begins"),
        ("reviewer: compliance.he/reviewed: yes", "fee-1"),
        ("sources:/facts:", "no list of sources"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_a_sentence(tmp_path, wrong, said):
    old, new = wrong.split("/")
    (tmp_path / "facts.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(BadInput, match=said) as told:
        load_sources(tmp_path)
    assert told.value.where.startswith("facts.yaml")
    assert told.value.remedy


def test_a_version_stands_once_and_a_folder_holds_something(tmp_path):
    with pytest.raises(NotFound, match="no sources"):
        load_sources(tmp_path)
    (tmp_path / "a.yaml").write_text(GOOD)
    assert len(load_sources(tmp_path / ".")) == 1
    (tmp_path / "b.yml").write_text(GOOD)
    load_sources.cache_clear()
    with pytest.raises(BadInput, match="stands twice"):
        load_sources(tmp_path)


def test_questions_find_their_product_first():
    sources = Sources(load_sources())
    asked = {
        "薪易贷放款的时候怎么扣了手续费": "salary_advance_fees-1",
        "随借随还提前还要手续费吗": "credit_line_settlement-1",
        "购物分期有利息吗": "purchase_instalment_rate-1",
        "怎么开结清证明": "certificate_process-1",
    }
    first = {one: sources.find(one, State(), DAY)[0].source.id for one in asked}
    assert first == asked


def test_what_is_published_expired_or_contradicted_is_found_so_at_once():
    sources = Sources(load_sources())
    old = next(one for one in load_sources() if one.id == "credit_line_settlement-1")
    new = msgspec.structs.replace(old, version=2, text="随借随还额度提前结清按本金收取手续费。")
    sources.put(new)
    asked = "随借随还额度提前结清手续费"
    versions = {
        one.source.version
        for one in sources.find(asked, State(), DAY, 5)
        if one.source.id == old.id
    }
    assert versions == {1, 2}
    sources.put(msgspec.structs.replace(old, valid_to=date(2026, 6, 2)))
    assert [
        one.source.version
        for one in sources.find(asked, State(), DAY, 9)
        if one.source.id == old.id
    ] == [2]
    sources.remove(old.id, 2)
    assert old.id not in {one.source.id for one in sources.find(asked, State(), DAY, 9)}
    with pytest.raises(BadInput, match="a number stands"):
        sources.put(msgspec.structs.replace(new, text="手续费为百分之三。"))


def test_what_wants_the_verified_is_told_to_nobody_else():
    source = Source(
        id="due-1",
        version=1,
        topic="还款日",
        text="您的还款日是{due_date}。",
        reviewer="compliance.he",
        valid_from=date(2026, 1, 1),
        needs="verified",
    )
    sources = Sources([source])
    assert sources.find("还款日", State("basic"), DAY) == []
    assert sources.find("还款日", State("verified"), DAY)[0].source == source


def test_shipped_files_are_those_that_are_read():
    assert len(list(SHIPPED.glob("*.yaml"))) == 4
