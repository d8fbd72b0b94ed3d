"""Feast's registry file, written whole: a crash, or a reader meanwhile, never meets half of one.

Feast's own store truncates the file and then writes it. This module knows no definition.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryProto
from google.protobuf.message import DecodeError

from finmodel.errors import Damaged


class WholeFileRegistryStore(FileRegistryStore):
    """A `FileRegistryStore` that writes aside and renames."""

    def get_registry_proto(self) -> RegistryProto:
        """The registry; FileNotFoundError where there is none, Damaged where it is broken."""
        registry = RegistryProto()
        try:
            registry.ParseFromString(Path(self._filepath).read_bytes())
        except DecodeError as error:
            raise Damaged(
                "it is not a Feast registry",
                where=str(self._filepath),
                remedy="restore it, or remove it and run feast apply",
            ) from error
        return registry

    def _write_registry(self, registry_proto: RegistryProto) -> None:
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.GetCurrentTime()
        path = Path(self._filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}-{os.getpid()}")
        with aside.open("wb") as file:
            file.write(registry_proto.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
