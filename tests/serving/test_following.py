"""A signed file's value is followed forwards only."""

from serving.following import Followed, Refusal


def test_one_number_names_one_version(tmp_path):
    path, says = tmp_path / "active.json", [(1, 5), (1, 5), (1, 6), (2, 6)]
    followed = Followed("scripts", path, lambda: says.pop(0), version=lambda value: value)
    told = []
    for written in ("a", "bb", "ccc", "dddd"):  # another size each: it was written anew
        path.write_text(written)
        told.append(followed.look())
    assert told[:2] == [True, True]
    assert isinstance(told[2], Refusal)
    assert told[2].what == "another version came under the same number (1)"
    assert (told[3], followed.value, followed.trouble) == (True, 6, "")
