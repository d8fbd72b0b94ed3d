"""A map that an earlier version wrote, laid out anew before a service reads it.

Settings come in; nothing goes out. What lies in the map is lmdb_rewriting's.
"""

from __future__ import annotations

from contextlib import suppress

from feature_store.lmdb_map import MapPlace
from feature_store.online_reader import PROJECT
from feature_store.packed_writer import PackedWriter
from finmodel.errors import BadInput, Damaged, NotReady, Refused
from finmodel.settings import Settings


def bring_up_map(settings: Settings) -> None:
    """Lay the map of some settings out as this version does, where an earlier one wrote it.

    NoRoom, and nothing changed, where it does not fit. A map that cannot be read, that is another
    project's, or that this user may not write to, is left for its readers to tell of.
    """
    place = MapPlace(settings.online, settings.online_map_gb)
    if settings.online_store or not (place.path / "data.mdb").exists():
        return
    writer = PackedWriter(place, PROJECT)
    with suppress(NotReady, Damaged, BadInput, Refused):
        writer.bring_up(writer.older())
