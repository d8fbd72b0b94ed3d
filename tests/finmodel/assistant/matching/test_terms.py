"""Terms: variants count as the word, a number is nobody's, and any text is read."""

from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.matching.terms import LONGEST, NUMBER, shortened, terms
from finmodel.recipe_text import parse_yaml


def test_a_variant_is_read_as_its_word():
    from finmodel.assistant.matching.terms import WORDS

    given_words, _ = parse_yaml(WORDS)
    assert len(given_words) >= 45
    for key, variants in given_words.items():
        for variant in variants:
            assert f"={key}" in terms(variant) or any(one.startswith("=") for one in terms(variant))
    assert "=结清" in set(terms("我想一次还完")) & set(terms("怎么结清"))


def test_no_variant_stands_for_two_words():
    from finmodel.assistant.matching.terms import WORDS

    given_words, _ = parse_yaml(WORDS)
    every = [one for key, variants in given_words.items() for one in [key, *variants]]
    assert sorted({one for one in every if every.count(one) > 1}) == []


def test_numbers_are_one_term_however_they_are_written():
    assert terms("还1,234.50") == terms("还９９") == ["还", NUMBER]


def test_invisible_characters_change_nothing():
    assert terms("提前\u200b结清") == terms("提前结清")


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    assert all(terms(text))


def test_a_long_text_is_read_at_both_ends():
    seen = shortened("头" * 50_000 + "尾" * 50_000)
    assert len(seen) == LONGEST + 1
    assert (seen[0], seen[-1]) == ("头", "尾")
