"""A worker archives beside its counting; a fault is said once, and counting goes on."""

import time
from contextlib import ExitStack

from feature_store.archive_key import make_archive
from feature_store.event_log import FileEventLog, append_all
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from serving import archiving
from serving.archiving import Archiver


def waited(until) -> bool:
    late = time.monotonic() + 30
    while not until() and time.monotonic() < late:
        time.sleep(0.05)
    return until()


def test_what_the_log_holds_is_archived_and_a_fault_is_said_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(archiving, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(archiving, "AT_LEAST", 1)
    settings = Settings(home=tmp_path, data=tmp_path)
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, Lender(customers=20, days=30, seed=2).events())
    with Archiver(make_archive(settings), FileEventLog(settings.events), ExitStack()) as archiver:
        archiver.note(None)
        assert waited(lambda: any(settings.archive.rglob("*.parquet")))
        file = next(settings.archive.rglob("*.parquet"))
        ahead = file.with_name(f"{file.name[:36]}{10**9:020}.parquet")
        file.rename(ahead)
        assert waited(lambda: "the archive waits: " in caplog.text)
        time.sleep(0.3)
        archiver.note(None)  # it raises nothing
        assert caplog.text.count("the archive waits: ") == 1
