"""Draws are shares of all applications, the same each time, and know nothing of each other."""

from __future__ import annotations

import numpy as np
from scipy import stats

from risk.policy.draws import draw, falls_within

IDS = [f"A-{number}" for number in range(20_000)]


def test_draws_are_even_and_two_purposes_are_independent():
    lane = np.array([draw("lane", "s", one) for one in IDS])
    arm = np.array([draw("arm", "s", one) for one in IDS])
    other = np.array([draw("lane", "t", one) for one in IDS])
    assert stats.kstest(lane, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(lane, arm)[0, 1]) < 0.03
    assert abs(np.corrcoef(lane, other)[0, 1]) < 0.03
    assert min(lane) >= 0.0
    assert max(lane) < 1.0


def test_a_share_is_the_share_and_a_greater_one_keeps_whom_the_lesser_took():
    lane = [draw("lane", "s", one) for one in IDS]
    taken = {
        share: {p for p, d in enumerate(lane) if falls_within(d, share)} for share in (100, 500)
    }
    assert abs(len(taken[100]) / len(IDS) - 0.01) < 0.003
    assert taken[100] < taken[500]
    assert sum(falls_within(d, 10_000) for d in lane) == len(IDS)


def test_a_draw_can_be_drawn_elsewhere():
    """The number that another language computes from the same words: SHA-256, its first 53 bits."""
    from hashlib import sha256

    first = sha256(b"lane\x002005\x00A-1").hexdigest()[:16]
    assert draw("lane", "2005", "A-1") == (int(first, 16) // 2**11) / 2**53
