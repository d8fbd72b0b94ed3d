"""Numbers that are remembered are those that the map would tell, in each of its snapshots."""

import numpy as np
import pytest

from feature_store import known_rooms
from feature_store.known_rooms import KnownRoom


class Numbers:
    """Stands for the map's: numbers in the order of their keys' first use."""

    def __init__(self):
        self.standing, self.given, self.asked = 1, {}, 0

    def give(self, keys):
        for key in keys.tolist():
            self.given.setdefault(key, len(self.given))

    def of(self, known, keys, upto=None):
        upto = len(self.given) if upto is None else upto

        def look_up(some):
            self.asked += len(some)
            found = [self.given.get(int(keys[i]), -1) for i in some]
            return np.array([number if number < upto else -1 for number in found], np.int64)

        return known.of(keys, self.standing, upto, look_up)

    def right(self, keys, upto):
        found = np.array([self.given.get(key, -1) for key in keys.tolist()], np.int64)
        return np.where(found < upto, found, -1)


@pytest.fixture
def known():
    return KnownRoom()


@pytest.fixture
def there():
    return Numbers()


def test_each_is_looked_up_once_whatever_the_keys(known, there):
    rng = np.random.default_rng(1)
    near, far = np.arange(40_000, dtype=np.uint64), rng.integers(0, 2**64 - 1, 40_000, np.uint64)
    all_keys = np.concatenate([near, far, np.array([2**64 - 1], np.uint64)])
    for _ in range(30):
        keys = np.unique(rng.choice(all_keys, 7000))
        there.give(keys)
        assert (there.of(known, keys) == there.right(keys, 10**9)).all()
    assert there.asked == len(there.given) > 50_000


def test_an_older_snapshot_does_not_know_whom_a_later_one_does(known, there):
    keys = np.arange(1, 101, dtype=np.uint64)
    there.give(keys)
    there.of(known, keys)
    for upto in (0, 1, 50, 100):
        assert (there.of(known, keys, upto) == there.right(keys, upto)).all()


def test_nothing_is_remembered_of_what_stood_before(known, there):
    keys = np.arange(1, 101, dtype=np.uint64)
    there.give(keys)
    there.of(known, keys)
    there.given, there.standing = {}, 2
    there.give(keys[::-1])
    assert there.of(known, keys).tolist() == list(range(99, -1, -1))


def test_what_a_snapshot_told_before_that_is_not_entered_after_it(known, there):
    keys = np.arange(1, 5, dtype=np.uint64)
    there.give(keys)

    def meanwhile(some):
        there.of(known, keys[:0])  # another thread, in another standing
        return np.array([90, 91, 92, 93])

    there.standing = 2
    assert known.of(keys, 1, 100, meanwhile).tolist() == [90, 91, 92, 93]
    assert there.of(known, keys).tolist() == [0, 1, 2, 3]


def test_no_more_are_remembered_than_memory_allows(known, there, monkeypatch):
    monkeypatch.setattr(known_rooms, "_MOST", 1000)
    keys = np.arange(5000, dtype=np.uint64)
    there.give(keys)
    for some in np.array_split(keys, 50):
        there.of(known, some)
    asked = there.asked
    assert (there.of(known, keys) == there.right(keys, 5000)).all()
    assert there.asked - asked == 4000
