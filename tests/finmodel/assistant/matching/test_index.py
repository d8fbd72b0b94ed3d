"""The index: BM25 as its formula says, and current whatever happens to a document."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.assistant.matching.index import Document, Index
from finmodel.assistant.matching.terms import terms

DAY = date(2026, 6, 3)


def document(name, text, version=1, **more):
    return Document(id=name, version=version, text=text, valid_from=date(2026, 1, 1), **more)


def found(index, question, day=DAY):
    return [(hit.document.id, hit.document.version) for hit in index.find(question, day)]


def test_scores_are_those_of_the_formula():
    texts = {"a": "提前结清", "b": "提前还款的还款日", "c": "优惠券"}
    index = Index()
    for name, text in texts.items():
        index.put(document(name, text))
    counted = {name: terms(text) for name, text in texts.items()}
    mean = sum(map(len, counted.values())) / len(counted)
    wanted = {}
    for name, held in counted.items():
        for term in terms("提前还款"):
            df = sum(term in other for other in counted.values())
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            tf = held.count(term)
            below = tf + 1.2 * (1 - 0.75 + 0.75 * len(held) / mean)
            wanted[name] = wanted.get(name, 0.0) + idf * tf * 2.2 / below
    scores = {hit.document.id: hit.score for hit in index.find("提前还款", DAY)}
    assert scores == pytest.approx({name: score for name, score in wanted.items() if score})
    assert list(scores) == ["b", "a"]


def test_two_versions_that_contradict_each_other_are_both_found():
    index = Index()
    index.put(document("fee", "提前结清收手续费", 1))
    index.put(document("fee", "提前结清不收手续费", 2))
    assert sorted(found(index, "提前结清手续费")) == [("fee", 1), ("fee", 2)]


def test_a_document_is_found_from_its_first_day_to_its_last():
    index = Index()
    index.put(document("fee", "手续费", valid_to=DAY))
    assert found(index, "手续费") == [("fee", 1)]
    assert found(index, "手续费", DAY + timedelta(1)) == []
    assert found(index, "手续费", date(2025, 12, 31)) == []


def test_a_changed_text_is_found_by_its_new_words_alone():
    index = Index()
    index.put(document("fee", "手续费"))
    assert found(index, "手续费")
    index.put(document("fee", "优惠券"))
    assert (found(index, "手续费"), found(index, "优惠券")) == ([], [("fee", 1)])
    index.remove("fee", 1)
    index.remove("fee", 1)
    assert (len(index), found(index, "优惠券")) == (0, [])


words = st.text("提前结清还款优惠券", min_size=1, max_size=8)
steps = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2), st.none() | words))


@settings(max_examples=40)
@given(steps, words)
def test_changes_leave_what_a_fresh_index_holds(done, question):
    changed, kept = Index(), {}
    for name, version, text in done:
        if text is None:
            changed.remove(name, version)
            kept.pop((name, version), None)
        else:
            changed.put(document(name, text, version))
            kept[name, version] = text
            changed.find(question, DAY)
    fresh = Index()
    for (name, version), text in sorted(kept.items()):
        fresh.put(document(name, text, version))
    scores = {(h.document.id, h.document.version): h.score for h in changed.find(question, DAY)}
    again = {(h.document.id, h.document.version): h.score for h in fresh.find(question, DAY)}
    assert scores == pytest.approx(again)


def test_a_share_is_of_what_the_question_could_give():
    index = Index()
    index.put(document("fee", "提前结清手续费"))
    index.put(document("other", "优惠券怎么用"))
    (same,) = index.find("提前结清手续费", DAY)
    assert same.share == pytest.approx(1.0, abs=0.15)
    assert index.find("结清吗", DAY)[0].share < same.share
    assert index.find("🙂", DAY) == []
