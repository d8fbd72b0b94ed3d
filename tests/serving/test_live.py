"""The served model follows the signed pointer, and nothing else."""

import threading

import numpy as np
import pytest

from finmodel.errors import NotReady
from finmodel.manifest import TableContract
from serving.live import Live, Place, past_version
from tests.serving.small_world import NAME, export, make_world, plan, point_to


@pytest.fixture
def world(tmp_path):
    return make_world(tmp_path)


@pytest.fixture
def told():
    return []


@pytest.fixture
def live(world, told):
    place = Place(world.settings.exports, NAME, world.settings.signing)
    return Live(place, lambda model: None, lambda kind, facts: told.append((kind, facts)))


def test_nothing_is_served_before_the_first_promotion(tmp_path, told):
    place = Place(tmp_path, NAME, tmp_path)
    live = Live(place, lambda model: None, lambda kind, facts: told.append(kind))
    live.look()
    with pytest.raises(NotReady, match="no version is champion; promote a version"):
        live.current()
    assert told == []


def test_a_promotion_and_a_rollback_are_followed(live, world, told):
    served = []
    for version in (1, 2, 1):
        point_to(world.settings, version)
        live.look()
        served.append(live.current().manifest.version)
    assert served == [1, 2, 1]
    assert [facts["version"] for _, facts in told] == served
    row = world.features[:3]
    expected = world.boosters[1].predict(row, raw_score=True)
    assert np.array_equal(live.current().scorer.raw_many(row), expected)


def test_who_holds_a_model_keeps_it(live, world):
    live.look()
    held = live.current()
    point_to(world.settings, 2)
    live.look()
    assert (held.manifest.version, live.current().manifest.version) == (1, 2)


def broken(world, how):
    folder = world.settings.exports / NAME / "2"
    if how == "one bit of the model":
        data = bytearray((folder / "model.txt").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "model.txt").write_bytes(data)
    elif how == "a pickle in its place":
        (folder / "model.txt").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    elif how == "no signature":
        (folder / "SIGNATURE.json").unlink()
    elif how == "another manifest":
        other = world.settings.exports / NAME / "1" / "manifest.json"
        (folder / "manifest.json").write_bytes(other.read_bytes())
    elif how == "no folder":
        folder.rename(folder.with_name("gone"))


@pytest.mark.parametrize(
    "how",
    [
        "one bit of the model",
        "a pickle in its place",
        "no signature",
        "another manifest",
        "no folder",
    ],
)
def test_an_export_that_does_not_hold_is_refused_and_the_old_stays(live, world, told, how):
    live.look()
    broken(world, how)
    point_to(world.settings, 2)
    live.look()
    live.look()
    assert live.current().manifest.version == 1
    assert live.trouble
    refusals = [facts for kind, facts in told if kind == "export_refused"]
    assert [facts["kept_version"] for facts in refusals] == [1]
    point_to(world.settings, 1)
    live.look()
    assert live.trouble == ""


def test_a_pointer_that_was_altered_is_refused(live, world):
    live.look()
    pointer = world.settings.exports / NAME / "champion.json"
    pointer.write_bytes(pointer.read_bytes().replace(b'"version":1', b'"version":2'))
    live.look()
    assert live.current().manifest.version == 1
    assert "champion" in live.trouble


def test_an_old_pointer_that_comes_back_is_refused(live, world):
    pointer = world.settings.exports / NAME / "champion.json"
    old = pointer.read_bytes()
    point_to(world.settings, 2)
    live.look()
    pointer.write_bytes(old)
    live.look()
    assert live.current().manifest.version == 2
    assert "an older pointer came back" in live.trouble


ON_A_TABLE = {
    "plan": {},
    "service": "",
    "table": TableContract(entity="customer_id", features=plan().names),
}


@pytest.mark.parametrize(
    ("lacks", "changes"),
    [("a feature service", ON_A_TABLE), ("a reason for account_use_0", {"reasons": ()})],
)
def test_a_model_that_cannot_answer_applications_is_refused(live, world, lacks, changes):
    live.look()
    export(world.settings, 3, world.boosters[2].model_to_string(), **changes)
    point_to(world.settings, 3)
    live.look()
    assert live.current().manifest.version == 1
    assert f"it lacks {lacks}" in live.trouble


def test_the_thread_follows_and_stops(live, world):
    live.start()
    seen = threading.Event()
    for _ in range(100):
        if live.serving is not None:
            seen.set()
            break
        seen.wait(0.1)
    assert seen.is_set()
    assert live.follows
    live.stop()
    assert not live.follows


def test_a_past_version_is_verified_like_the_champion(world):
    settings = world.settings
    model = past_version(settings.exports, NAME, 2, settings.signing)
    assert model.manifest.version == 2
