"""Attacks on the guards: many, different, and parted by family."""

import hashlib
from collections import Counter

import pytest

from finmodel.errors import BadInput
from finmodel.lender.talk.attacks import (
    SHIPPED,
    attacks,
    harmless,
    lessons,
    lookalikes,
    shipped,
    taught,
)
from finmodel.lender.talk.disguises import disguises

EACH = 320


@pytest.mark.parametrize("side", ["outbound", "inbound"])
def test_every_category_has_enough_different_held_out_cases_in_every_disguise(side):
    cases = list(attacks(side, "held_out", EACH))
    found = Counter(one.category for one in cases)
    assert set(found) == set(getattr(shipped(), side))
    assert set(found.values()) == {EACH}
    assert len({(one.category, one.turns) for one in cases}) == len(cases)
    assert {one.disguise for one in cases} == set(disguises())
    assert [one for one in cases if len(one.turns) > 2 or not all(one.turns)] == []


def test_training_and_held_out_share_no_family_and_no_words():
    for side in ("outbound", "inbound"):
        train, held = (list(attacks(side, part, EACH)) for part in ("train", "held_out"))
        assert not {one.family for one in train} & {one.family for one in held}
        assert not {one.plain for one in train} & {one.plain for one in held}


def test_the_same_seed_gives_the_same_cases():
    first, again = (list(attacks("outbound", "held_out", 20, seed=3)) for _ in range(2))
    other = list(attacks("outbound", "held_out", 20, seed=4))
    assert first == again
    assert first != other


def test_what_a_category_cannot_give_is_told(monkeypatch):
    monkeypatch.setattr("finmodel.lender.talk.attacks._TRIES", 0)
    with pytest.raises(BadInput, match="only 0 different cases"):
        list(attacks("outbound", "held_out", 1))


def test_lookalikes_stand_once():
    said = list(lookalikes("outbound", 30))
    assert len(said) == len(set(said)) >= 20


def test_no_harmless_text_is_an_attack_as_well():
    for side in ("inbound", "outbound"):
        said = {text for text, _ in harmless(side, 4)}
        assert len(said) > 100
        assert not said & {one.plain for one in taught(side, 2)}


def test_further_families_are_of_known_categories_and_none_is_measured_on():
    for side in ("inbound", "outbound"):
        known, more = getattr(shipped(), side), getattr(lessons(), side)
        held = {one for parts in known.values() for one in parts.held_out}
        told = {one.plain for one in attacks(side, "held_out", 100)}
        assert set(more) <= set(known)
        assert not held & {one for some in more.values() for one in some}
        assert not told & {one.plain for one in taught(side, 4)}


def test_the_families_are_those_that_were_committed_before_the_rules():
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == (
        "a7101c4ddcddba93babcc744b925c1797137934695822ef7cd2446c2e84b006a"
    )
