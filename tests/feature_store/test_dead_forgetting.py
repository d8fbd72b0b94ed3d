"""A forgotten letter keeps its place and its reason; every other one its bytes."""

from feature_store.dead_forgetting import forget_in_dead, held_in_dead
from feature_store.dead_letters import DeadLetter, FileDeadLetters, read_dead


def test_letters_that_name_a_customer_are_emptied_where_they_stand(tmp_path):
    letters = [
        DeadLetter("t", 0, 1, "missing: dpd", b'{"customer_id":77,"phone":"139"}', None),
        DeadLetter("t", 0, 2, "missing: dpd", b'{"customer_id":770}', b"770"),
        DeadLetter("t", 0, 3, "broken_bytes", b"\xff\x00 77", None),
        DeadLetter("u", 0, 4, "tombstone", None, b"77"),
    ]
    other = FileDeadLetters(tmp_path)
    other.put(letters)
    size = (tmp_path / "t.jsonl").stat().st_size
    assert held_in_dead(tmp_path, 77).count == 3
    assert (forget_in_dead(tmp_path, 77), forget_in_dead(tmp_path, 77)) == (3, 0)
    left = {one.offset: one for one in read_dead(tmp_path)}
    assert left[2] == letters[1]
    assert [(left[n].reason, left[n].value, left[n].key) for n in (1, 3, 4)] == [
        ("missing: dpd", None, None),
        ("broken_bytes", None, None),
        ("tombstone", None, None),
    ]
    assert (tmp_path / "t.jsonl").stat().st_size == size
    assert other.put([DeadLetter("t", 0, 9, "missing: dpd", b"{}", None)]) == 1
    assert len(list(read_dead(tmp_path))) == 5
