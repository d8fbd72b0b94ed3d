"""A small lender's home: real customers' events, their snapshots, and the definitions applied."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from feature_store import history, store
from feature_store.event_log import FileEventLog, append_all
from finmodel.lender import credit_default
from finmodel.settings import Settings


@dataclass(frozen=True)
class Lender:
    settings: Settings
    table: pd.DataFrame
    spine: pd.DataFrame
    """One row a customer, as of October."""

    def log(self) -> FileEventLog:
        return FileEventLog(self.settings.events)

    def copy(self, home: Path) -> "Lender":
        """The same lender elsewhere, to be changed."""
        shutil.copytree(self.settings.offline, home / "offline")
        shutil.copytree(self.settings.events, home / "events")
        settings = small_settings(home)
        store.apply(settings)
        return Lender(settings, self.table, self.spine)


def make_lender(home: Path) -> Lender:
    """240 customers of the shipped table."""
    settings = small_settings(home)
    table = credit_default.load().sample(240, random_state=11).reset_index(drop=True)
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, credit_default.history(table))
    history.build(settings, FileEventLog(settings.events))
    history.write_profile(settings, credit_default.audit_attributes(table))
    store.apply(settings)
    return Lender(settings, table, credit_default.labels(table))


def small_settings(home: Path) -> Settings:
    return Settings(home=home, data=home, online_map_gb=0.1)
