"""General text becomes samples of which every token but the first is learnt."""

from fine_tune.lessons.texts import rehearsals, text_samples
from tests.fine_tune.small_model import encode

TEXT = "".join(f"{a * b}年后，月色如水。" for a in range(1, 30) for b in range(2, 9))


def test_text_is_rehearsed_in_rows_of_one_size_and_none_of_none():
    rows = rehearsals([TEXT], encode, 64)
    assert {len(one) for one in rows} == {64}
    assert [t for one in rows for t in one.token] == encode(TEXT, False)[: 64 * len(rows)]
    assert {tuple(one.learnt) for one in rows} == {(0.0, *[1.0] * 63)}
    assert rehearsals([TEXT], encode, 0) == []


def test_each_text_is_a_sample_cut_at_the_length_and_one_of_a_token_is_none():
    found = text_samples([TEXT, "年", "月色"], encode, 50)
    assert [list(one.token) for one in found] == [encode(TEXT, False)[:50], encode("月色", False)]
    assert [one.learnt.sum() for one in found] == [49.0, 1.0]
