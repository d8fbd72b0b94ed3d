import pytest

from finmodel.errors import BadInput
from serving import passwords
from serving.passwords import hashed, matches, require_strong

GOOD = "lantern orbit mustard quay"


def test_only_the_password_itself_matches_and_the_hash_says_at_what_cost():
    kept = hashed(GOOD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in kept
    assert hashed(GOOD) != kept
    assert matches(GOOD, kept)
    # A keyboard for Chinese types the same letters in full width.
    assert matches("ｌａｎｔｅｒｎ orbit mustard quay", kept)
    for wrong in (GOOD + " ", GOOD.upper(), "", "\ud800" * 20):
        assert not matches(wrong, kept)


def test_where_no_password_is_kept_one_is_hashed_all_the_same(monkeypatch):
    looked = []
    real = passwords.Argon2id.verify_phc_encoded

    class Watched:
        @staticmethod
        def verify_phc_encoded(given, kept):
            looked.append(kept)
            return real(given, kept)

    passwords._nobodys()
    monkeypatch.setattr(passwords, "Argon2id", Watched)
    assert not matches(GOOD, "")
    assert looked[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("x" * 14, "it has 14 characters"),
        ("ab" * 65, "more than 128"),
        ("abababababababab", "repeats a few characters"),
        ("1234567890123456", "runs along the keyboard"),
        ("Qwertyuiop Asdfgh", "runs along the keyboard"),
        ("Wang Xiaoming 12345", "the person's own name"),
    ],
)
def test_what_is_guessed_first_is_refused_with_the_reason(weak, why):
    with pytest.raises(BadInput, match=why) as refused:
        require_strong(weak, "wang xiaoming")
    assert weak not in str(refused.value)


def test_fifteen_chinese_characters_are_a_password():
    require_strong("灯笼轨道芥末码头雨伞琴键骆驼岛", "wang xiaoming")
