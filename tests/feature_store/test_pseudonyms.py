"""FF1: the standard's own samples for a plain reading of it, and that reading for ours."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from feature_store.pseudonyms import hidden, shown

WORDS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)
KEYS = st.binary(min_size=32, max_size=32)


def ff1(key: bytes, digits: list[int], radix: int, tweak: bytes = b"") -> list[int]:
    """FF1.Encrypt of NIST SP 800-38G, step by step as it stands there."""

    def number(some: list[int]) -> int:
        found = 0
        for digit in some:
            found = found * radix + digit
        return found

    def spelt(value: int, places: int) -> list[int]:
        return [value // radix ** (places - 1 - place) % radix for place in range(places)]

    n, t = len(digits), len(tweak)
    u = n // 2
    v = n - u
    a, b = digits[:u], digits[u:]
    width = ceil(ceil(v * log2(radix)) / 8)
    d = 4 * ceil(width / 4) + 4
    head = bytes([1, 2, 1]) + radix.to_bytes(3) + bytes([10, u % 256]) + n.to_bytes(4)
    head += t.to_bytes(4)
    for i in range(10):
        q = tweak + bytes((-t - width - 1) % 16) + bytes([i]) + number(b).to_bytes(width)
        chained = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
        r = chained.update(head + q)[-16:]
        assert d <= 16
        m = u if i % 2 == 0 else v
        c = (number(a) + int.from_bytes(r[:d])) % radix**m
        a, b = b, spelt(c, m)
    return a + b


@pytest.mark.parametrize(
    ("key", "tweak", "made"),
    [
        ("2B7E151628AED2A6ABF7158809CF4F3C", "", "2433477484"),
        ("2B7E151628AED2A6ABF7158809CF4F3C", "39383736353433323130", "6124200773"),
        (
            "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94",
            "",
            "6657667009",
        ),
    ],
)
def test_the_plain_reading_gives_the_standards_samples(key, tweak, made):
    found = ff1(bytes.fromhex(key), list(range(10)), 10, bytes.fromhex(tweak))
    assert "".join(map(str, found)) == made


@given(KEYS, WORDS)
def test_ours_is_ff1_for_words_of_64_bits(key, words):
    ids = np.array(words, np.int64)
    for one, made in zip(words, hidden(key, ids).tolist(), strict=True):
        bits = [(one >> (63 - place)) & 1 for place in range(64)]
        assert ff1(key, bits, 2) == [(made >> (63 - place)) & 1 for place in range(64)]


@given(KEYS, WORDS)
def test_whoever_has_the_key_finds_the_ids_again(key, words):
    ids = np.array(words, np.int64)
    np.testing.assert_array_equal(shown(key, hidden(key, ids)), ids)
