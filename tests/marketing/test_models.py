"""What serving opens: no library that trains, no risk card, nothing that was changed."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest

from finmodel.errors import Damaged, NotReady, Refused
from finmodel.export import write_export
from finmodel.manifest import Calibration, Scaling, digests_of
from finmodel.pointers import Pointer, set_champion
from finmodel.signing import ensure_key
from marketing.effects.uplift import UpliftModel, effect_of
from marketing.models import open_model
from tests.finmodel.test_export import PLAN, ROWS, TEXT, manifest_of

LINE = Calibration("platt", 1.1, -0.2)
TWO = UpliftModel("t", {"treated": TEXT, "control": TEXT}, 0.5, ("a", "b", "c"))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    ensure_key(tmp_path / "keys")
    return tmp_path / "keys"


def exported(folder: Path, keys: Path, uplift: bytes = b"", card: bool = False) -> Path:
    model = sha256(TEXT.encode()).hexdigest()
    bare = {
        "card": None,
        "decision_point": None,
        "policy": None,
        "reasons": (),
        "digests": digests_of(PLAN, model, LINE, (None, Scaling(), ())),
        "uplift_sha256": sha256(uplift).hexdigest() if uplift else "",
    }
    manifest = manifest_of(**({} if card else bare))
    write_export(folder, manifest, TEXT, keys, uplift=uplift)
    set_champion(folder, Pointer("small", "champion", 3, 1, (), "v", "", False, "", ""), keys)
    return folder


def test_nothing_that_trains_or_tracks_is_imported():
    asked = (
        "import sys, marketing.models;"
        "print([m for m in ('pyarrow', 'pandas', 'mlflow', 'feast', 'lightgbm', 'sklearn')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_effects_are_the_learners_by_treatment_in_the_order_given(tmp_path, keys):
    uplift = msgspec.json.encode({"sms": TWO, "app": TWO})
    model = open_model(exported(tmp_path / "e", keys, uplift), "small", keys)
    assert model.treatments == ("sms", "app")
    assert model.plan is not None
    effects = model.effects(ROWS)
    np.testing.assert_array_equal(effects[:, 0], effect_of(TWO, ROWS))
    assert model.effects(ROWS[:0]).shape == (0, 2)
    raw = model.scorer.raw_many(ROWS)
    np.testing.assert_allclose(model.propensity(ROWS), 1 / (1 + np.exp(0.2 - 1.1 * raw)), 1e-14)


def test_a_risk_card_is_no_customer_model(tmp_path, keys):
    with pytest.raises(Refused, match="small version 3: it is a risk card, not a marketing model"):
        open_model(exported(tmp_path / "e", keys, card=True), "small", keys)


def test_nothing_was_promoted(tmp_path, keys):
    with pytest.raises(NotReady, match="small: no challenger was ever promoted"):
        open_model(exported(tmp_path / "e", keys), "small", keys, alias="challenger")


@pytest.mark.parametrize(
    ("uplift", "says"),
    [
        (b"{}x", "its models of uplift cannot be read"),
        (msgspec.json.encode({"app": {"kind": "q"}}), "its models of uplift cannot be read"),
        (
            msgspec.json.encode({"app": msgspec.structs.replace(TWO, features=("a",))}),
            "the uplift of 'app' reads other features than the model",
        ),
        (
            msgspec.json.encode({"app": msgspec.structs.replace(TWO, models={"treated": "x"})}),
            "its models of uplift cannot be read",
        ),
    ],
)
def test_uplift_that_cannot_be_meant(tmp_path, keys, uplift, says):
    with pytest.raises(Damaged, match=says):
        open_model(exported(tmp_path / "e", keys, uplift), "small", keys)
