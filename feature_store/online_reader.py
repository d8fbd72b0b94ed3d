"""The reader of online features that some settings ask for; it needs no Feast."""

from __future__ import annotations

from feature_store.online import OnlineFeatures
from feature_store.online_answers import OnlineReader
from feature_store.redis_client import RedisPlace
from feature_store.redis_online import RedisOnlineFeatures
from finmodel.settings import Settings

PROJECT = "finmodel"
"""As in repo/feature_store.yaml."""


def open_features(settings: Settings) -> OnlineReader:
    """Redis where the settings name one, else the LMDB map under home."""
    if settings.online_store:
        return RedisOnlineFeatures(RedisPlace(settings.online_store, PROJECT))
    return OnlineFeatures(settings.online, settings.online_map_gb)
