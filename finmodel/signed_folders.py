"""Folders of signed files that are whole or not there.

Bytes by name and a key come in; a signed folder stands in its place, written aside and renamed.
Knows nothing of what the files mean.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from finmodel.durable import disk_error, sync_folder, write_file
from finmodel.errors import Refused
from finmodel.signing import sign_folder

_OLD = ".old"


def write_signed(folder: Path, files: Mapping[str, bytes], keys: Path) -> Path:
    """Make the folder; Refused where it is there already."""
    if folder.exists():
        raise Refused("it is exported already", where=str(folder), remedy="register a new version")
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        for cut_short in folder.parent.glob(f".{folder.name}.*.tmp"):
            shutil.rmtree(cut_short)
        aside.mkdir(parents=True)
        for name, data in files.items():
            write_file(aside / name, data, 0o644)
        sign_folder(aside, keys)
        os.rename(aside, folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise disk_error(error, folder) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def replace_signed(folder: Path, files: Mapping[str, bytes], keys: Path) -> None:
    """Put a signed folder in the place of one that is there.

    Who is killed between two renames leaves no folder: `mend_replaced` brings back the one before.
    """
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}{_OLD}")
    try:
        shutil.rmtree(new, ignore_errors=True)
        write_signed(new, files, keys)
        os.rename(folder, old)
        os.rename(new, folder)
        sync_folder(folder.parent)
        shutil.rmtree(old)
    except OSError as error:
        raise disk_error(error, folder) from error


def mend_replaced(parent: Path) -> None:
    """Finish what `replace_signed` was killed in, of all folders in one."""
    for old in parent.glob(f".*{_OLD}"):
        folder = old.with_name(old.name[1 : -len(_OLD)])
        if folder.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, folder)
