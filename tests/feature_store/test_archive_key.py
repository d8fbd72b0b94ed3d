"""Pseudonyms: made again with the key alone, and a key that is lost or another is told."""

import numpy as np
import pytest

from feature_store.archive_key import make_archive, open_archive
from finmodel.errors import Damaged, NotReady
from tests.feature_store.small_home import small_settings

IDS = np.array([5, 0, 2**63 - 1, 5, -3])


def test_the_same_key_gives_the_same_pseudonyms_and_another_others(tmp_path):
    ours, theirs = (small_settings(tmp_path / name) for name in ("ours", "theirs"))
    hidden = make_archive(ours).pseudonyms(IDS)
    assert (open_archive(ours).pseudonyms(IDS) == hidden).all()
    assert (make_archive(ours).pseudonyms(IDS) == hidden).all()
    assert (open_archive(ours).customers(hidden) == IDS).all()
    assert len(set(hidden.tolist())) == 4
    assert not set(make_archive(theirs).pseudonyms(IDS).tolist()) & set(hidden.tolist())


def test_the_key_is_for_its_owner_and_stands_in_no_text(tmp_path):
    settings = small_settings(tmp_path)
    archive = make_archive(settings)
    place = settings.home / "vault" / "archive.key"
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.read_bytes() == archive.key
    assert archive.key.hex() not in repr(archive) + (settings.archive / "key.mark").read_text()
    assert repr(archive.key) not in repr(archive)


def test_a_lost_key_is_not_made_again(tmp_path):
    settings = small_settings(tmp_path)
    make_archive(settings)
    place = settings.home / "vault" / "archive.key"
    place.unlink()
    for opened in (open_archive, make_archive):
        with pytest.raises(NotReady, match=r"archive.key: the archive's key is lost; restore it"):
            opened(settings)
    assert not place.exists()


@pytest.mark.parametrize("other", [bytes(32), b"short"])
def test_another_key_is_refused(tmp_path, other):
    settings = small_settings(tmp_path)
    make_archive(settings)
    (settings.home / "vault" / "archive.key").write_bytes(other)
    for opened in (open_archive, make_archive):
        with pytest.raises(Damaged, match="it is not the key of this archive"):
            opened(settings)


def test_where_nothing_was_archived(tmp_path):
    with pytest.raises(NotReady, match="no events are archived yet; run `finmodel archive`"):
        open_archive(small_settings(tmp_path))
