"""What is kept of a build sample, there and back."""

import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from finmodel.errors import Damaged
from risk.monitor.reference import BuildSample, read_reference, reference_of

NAMES = ("income", "kind", "bureau")


@pytest.fixture(scope="module")
def built():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(5_000, 3)).astype(np.float32)
    matrix[:, 1] = rng.integers(0, 3, 5_000)
    matrix[:700, 2], matrix[700:800, 2] = -9999, np.nan
    points = 600 + 20 * matrix[:, 0].astype(float)
    labels = (rng.random(5_000) < 1 / (1 + np.exp(2 + matrix[:, 0]))).astype(float)
    return BuildSample(NAMES, matrix, points, labels, rng.normal(size=(300, 4)))


def test_it_counts_the_sample_and_reads_back_the_same(built):
    kept = reference_of(built, "rows", {"bureau": (-9999.0,)}, ("kind",))
    assert read_reference(msgspec.json.encode(kept), "a test") == kept
    assert (kept.n, kept.bads) == (5_000, built.labels.sum())
    assert kept.auc == pytest.approx(roc_auc_score(built.labels, -built.points))
    income, kind, bureau = kept.features
    assert sum(income.counts) == 5_000
    assert max(income.counts) - min(income.counts[:10]) <= 1
    assert kind.bins.categories == (0.0, 1.0, 2.0)
    assert bureau.counts[bureau.bins.missing :] == (100, 700)
    assert bureau.mean == pytest.approx(built.matrix[800:, 2].mean(), abs=1e-6)
    assert income.contribution == pytest.approx(built.contributions[:, 0].mean())
    assert sum(kept.points_bads) == kept.bads
    assert kept.points_counts[:10] == (500,) * 10


def test_a_sample_without_outcomes_has_no_figure_of_them(built):
    bare = BuildSample(NAMES, built.matrix, built.points, None)
    kept = reference_of(bare, "rows")
    assert (kept.auc, kept.bads, kept.points_bads) == (None, None, None)
    assert kept.features[0].contribution is None


def test_what_is_no_reference_is_named():
    with pytest.raises(Damaged, match="run 7: it is not a model's reference"):
        read_reference(b'{"n": 1}', "run 7")
