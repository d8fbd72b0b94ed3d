"""Signed exports: whole or not there, verified before they are parsed, never unpickled."""

from __future__ import annotations

import os
import pickle
from hashlib import sha256
from pathlib import Path

import lightgbm as lgb
import msgspec
import numpy as np
import pytest

from finmodel.boosting import Lesson, fit
from finmodel.errors import BadInput, Damaged, NoRoom, NotReady, Refused
from finmodel.export import load_export, write_export
from finmodel.manifest import (
    Calibration,
    Manifest,
    Policy,
    ReasonGroup,
    Scaling,
    TableContract,
    digest,
    digests_of,
    require_card,
)
from finmodel.pointers import Pointer, export_folder, pointer_path, read_champion, set_champion
from finmodel.signing import ensure_key, sign_folder
from tests.full_disk import room

RANDOM = np.random.default_rng(11)
ROWS = RANDOM.normal(size=(400, 3)).astype(np.float32)
TEXT = fit(
    Lesson(ROWS, (ROWS[:, 0] + RANDOM.normal(size=400) > 0) * 1.0, ("a", "b", "c")),
    {"num_leaves": 5, "num_threads": 1},
    8,
)
PLAN = {
    "service": "s_v1",
    "join_key": "customer_id",
    "key_type": "int64",
    "views": [
        {"name": "x", "ttl_s": 1.0, "features": [{"name": "a", "dtype": "Float32"}]},
        {
            "name": "y",
            "ttl_s": 0.0,
            "features": [{"name": "b", "dtype": "Float32"}, {"name": "c", "dtype": "Float32"}],
        },
    ],
}


def manifest_of(text: str = TEXT, version: int = 3, **changed: object) -> Manifest:
    reasons = (ReasonGroup("R1", "甲", "one", ("a", "b", "c")),)
    policy, scaling, line = Policy(620.0, 580.0), Scaling(), Calibration("platt", 1.1, -0.2)
    table = changed.get("table")
    model = sha256(text.encode()).hexdigest()
    digests = digests_of(table or PLAN, model, line, (policy, scaling, reasons))
    made = Manifest(
        name="small",
        version=version,
        card="B",
        decision_point="支用",
        features=("a", "b", "c"),
        calibration=line,
        scaling=scaling,
        policy=policy,
        reasons=reasons,
        digests=digests,
        service="s_v1",
        plan=PLAN,
    )
    return msgspec.structs.replace(made, **changed)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    ensure_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def exported(tmp_path: Path, keys: Path) -> Path:
    return write_export(tmp_path / "exports", manifest_of(), TEXT, keys)


def signed_again(folder: Path, manifest: Manifest, keys: Path) -> Path:
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    (folder / "SIGNATURE.json").unlink()
    sign_folder(folder, keys)
    return folder


def test_a_scorecard_goes_with_its_model_and_is_the_one_that_was_gated(tmp_path, keys):
    card = b'{"format": 1}'
    manifest = manifest_of(card_sha256=sha256(card).hexdigest())
    folder = write_export(tmp_path / "exports", manifest, TEXT, keys, card)
    assert load_export(folder, keys).card == card
    (folder / "scorecard.json").write_bytes(b'{"format": 2}')
    with pytest.raises(Damaged, match="it was changed after it was signed"):
        load_export(folder, keys)
    signed_again(folder, manifest, keys)
    with pytest.raises(Damaged, match="not the scorecard that the manifest names"):
        load_export(folder, keys)


def test_a_marketing_model_has_no_card_and_its_uplift_is_the_one_that_was_gated(tmp_path, keys):
    uplift, line = b'{"app": {}}', Calibration("platt", 1.1, -0.2)
    model = sha256(TEXT.encode()).hexdigest()
    manifest = manifest_of(
        card=None,
        decision_point=None,
        policy=None,
        reasons=(),
        digests=digests_of(PLAN, model, line, (None, Scaling(), ())),
        uplift_sha256=sha256(uplift).hexdigest(),
    )
    folder = write_export(tmp_path / "exports", manifest, TEXT, keys, uplift=uplift)
    loaded = load_export(folder, keys)
    assert (loaded.manifest, loaded.uplift, loaded.card) == (manifest, uplift, b"")
    with pytest.raises(Refused, match=r"small version 3: it is no risk card: .*recipe of risk/"):
        require_card(loaded.manifest)
    (folder / "uplift.json").write_bytes(b'{"app": {"kind": "t"}}')
    with pytest.raises(Damaged, match="not the models of uplift that the manifest names"):
        load_export(signed_again(folder, manifest, keys), keys)


def test_a_manifest_from_before_a_card_could_be_missing_still_holds(tmp_path, keys):
    folder = write_export(tmp_path / "exports", manifest_of(), TEXT, keys)
    told = msgspec.json.decode((folder / "manifest.json").read_bytes())
    del told["uplift_sha256"]
    (folder / "manifest.json").write_bytes(msgspec.json.encode(told))
    (folder / "SIGNATURE.json").unlink()
    sign_folder(folder, keys)
    loaded = load_export(folder, keys).manifest
    assert loaded == manifest_of()
    assert require_card(loaded) == ("B", "支用", Policy(620.0, 580.0))


def test_what_was_exported_scores_the_same_bits(exported, keys):
    model = load_export(exported, keys)
    assert model.manifest == manifest_of()
    expected = lgb.Booster(model_str=TEXT).predict(ROWS)
    assert model.scorer.score_many(ROWS).tobytes() == expected.tobytes()
    assert sorted(os.listdir(exported)) == ["SIGNATURE.json", "manifest.json", "model.txt"]


def test_a_table_model_needs_no_plan(tmp_path, keys):
    table = TableContract("id", ("a", "b", "c"), {"b": ("x", "y")}, {"a": (-1.0,)})
    manifest = manifest_of(table=table, plan={}, service="")
    folder = write_export(tmp_path / "exports", manifest, TEXT, keys)
    assert load_export(folder, keys).manifest.table == table


@pytest.mark.parametrize("name", ["model.txt", "manifest.json", "SIGNATURE.json"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_one_changed_bit_anywhere_is_damage(exported, keys, name, share):
    path = exported / name
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match=name):
        load_export(exported, keys)


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)  # type: ignore[return-value]


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_pickle_in_place_of_the_model_is_never_opened(exported, keys, tmp_path, is_signed):
    mark = tmp_path / "unpickled"
    (exported / "model.txt").write_bytes(pickle.dumps(Trap(mark)))
    if is_signed:
        digests = msgspec.structs.replace(
            manifest_of().digests,
            model=sha256((exported / "model.txt").read_bytes()).hexdigest(),
        )
        signed_again(exported, manifest_of(digests=digests), keys)
    with pytest.raises(Damaged, match=r"model\.txt"):
        load_export(exported, keys)
    assert not mark.exists()


def test_a_manifest_for_other_features_is_damage_even_when_signed(exported, keys):
    manifest = manifest_of(features=("a", "b", "d"))
    with pytest.raises(Damaged, match="other features than those of the model"):
        load_export(signed_again(exported, manifest, keys), keys)


def test_a_plan_for_other_features_is_damage_even_when_signed(exported, keys):
    plan = {**PLAN, "views": PLAN["views"][::-1]}
    digests = msgspec.structs.replace(manifest_of().digests, schema=digest(plan))
    manifest = manifest_of(plan=plan, digests=digests)
    with pytest.raises(Damaged, match="other features than those of the plan"):
        load_export(signed_again(exported, manifest, keys), keys)


def test_a_manifest_of_another_model_is_damage_even_when_signed(exported, keys):
    with pytest.raises(Damaged, match="manifest of another model"):
        load_export(signed_again(exported, manifest_of(TEXT + "\n"), keys), keys)


@pytest.mark.parametrize(
    "changed",
    [
        {"calibration": Calibration("platt", 1.0, 0.0)},
        {"policy": Policy(500.0, 400.0)},
        {"scaling": Scaling(pdo=40.0)},
        {"reasons": (ReasonGroup("R2", "乙", "two", ("a", "b", "c")),)},
    ],
)
def test_a_part_that_its_digest_does_not_name_is_damage(exported, keys, changed):
    with pytest.raises(Damaged, match="a digest does not match"):
        load_export(signed_again(exported, manifest_of(**changed), keys), keys)


@pytest.mark.parametrize("name", ["model.txt", "manifest.json", "SIGNATURE.json"])
def test_a_missing_file_is_damage(exported, keys, name):
    (exported / name).unlink()
    with pytest.raises(Damaged, match=name):
        load_export(exported, keys)


def test_a_file_too_many_is_damage(exported, keys):
    (exported / "extra.pkl").write_bytes(b"")
    with pytest.raises(Damaged, match=r"extra\.pkl"):
        load_export(exported, keys)


def test_an_absent_export(tmp_path, keys):
    with pytest.raises(NotReady, match="no such export"):
        load_export(tmp_path / "exports" / "small" / "9", keys)


def test_a_version_is_exported_once(exported, keys):
    with pytest.raises(Refused, match="exported already"):
        write_export(exported.parent.parent, manifest_of(), TEXT, keys)


def test_what_an_earlier_crash_left_is_cleared(tmp_path, keys):
    left = tmp_path / "exports" / "small" / ".3.1.tmp"
    left.mkdir(parents=True)
    (left / "model.txt").write_text("tree")
    write_export(tmp_path / "exports", manifest_of(), TEXT, keys)
    assert os.listdir(left.parent) == ["3"]


@pytest.mark.parametrize("limit", [100, 2500])
def test_where_a_file_does_not_fit_nothing_is_left(tmp_path, keys, limit):
    with room(limit), pytest.raises(NoRoom):
        write_export(tmp_path / "exports", manifest_of(), TEXT, keys)
    assert os.listdir(tmp_path / "exports" / "small") == []


@pytest.mark.parametrize("failing", range(3))
def test_a_full_disk_at_each_sync_leaves_nothing(tmp_path, keys, monkeypatch, failing):
    """At that of the model, the manifest or the signature; by the next one all is in place."""
    real, calls = os.fsync, []

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) > failing:
            raise OSError(28, "No space left on device")
        real(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoRoom):
        write_export(tmp_path / "exports", manifest_of(), TEXT, keys)
    assert os.listdir(tmp_path / "exports" / "small") == []


def pointer(**changed: object) -> Pointer:
    made = Pointer(
        name="small",
        alias="champion",
        version=3,
        sequence=7,
        previous=(1, 2),
        by="val",
        at="2026-01-01T00:00:00+00:00",
        demo=False,
        reason="",
        audit_entry="a1",
    )
    return msgspec.structs.replace(made, **changed)


def test_a_pointer_is_read_as_it_was_set_and_replaced_whole(tmp_path, keys):
    set_champion(tmp_path, pointer(), keys)
    assert read_champion(tmp_path, "small", keys) == pointer()
    set_champion(tmp_path, pointer(version=4, sequence=8), keys)
    assert read_champion(tmp_path, "small", keys).version == 4
    assert os.listdir(tmp_path / "small") == ["champion.json"]


def test_no_pointer_yet(tmp_path, keys):
    with pytest.raises(NotReady, match="no champion was ever promoted"):
        read_champion(tmp_path, "small", keys)


def test_a_changed_pointer_is_damage(tmp_path, keys):
    set_champion(tmp_path, pointer(), keys)
    path = pointer_path(tmp_path, "small", "champion")
    path.write_bytes(path.read_bytes().replace(b'"version":3', b'"version":2'))
    with pytest.raises(Damaged):
        read_champion(tmp_path, "small", keys)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x80\x04K\x01.", b'{"pointer":{},"signature":"*"}']
)
def test_what_is_no_pointer_is_damage(tmp_path, keys, content):
    path = pointer_path(tmp_path, "small", "champion")
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"champion\.json"):
        read_champion(tmp_path, "small", keys)


@pytest.mark.parametrize("changed", [{"name": "other"}, {"alias": "challenger"}])
def test_the_pointer_of_something_else_is_damage(tmp_path, keys, changed):
    other = pointer(**changed)
    set_champion(tmp_path, other, keys)
    there = pointer_path(tmp_path, other.name, other.alias)
    here = pointer_path(tmp_path, "small", "champion")
    here.parent.mkdir(exist_ok=True)
    there.rename(here)
    with pytest.raises(Damaged, match="it is the pointer of"):
        read_champion(tmp_path, "small", keys)


@pytest.mark.parametrize("name", ["../keys", "a/b", "", ".hidden", "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path, keys, name):
    with pytest.raises(BadInput, match="not a model's name"):
        export_folder(tmp_path, name, 1)
    with pytest.raises(BadInput, match="not a model's name"):
        read_champion(tmp_path, name, keys)
