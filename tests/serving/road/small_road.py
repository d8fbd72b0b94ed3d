"""A log with a few events, two dead letters, the fix for one of them, and a view that counts."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from feature_store.dead_letters import DeadLetter, FileDeadLetters, letter_id
from feature_store.event_log import FileEventLog
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.stream import catch_up
from feature_store.window_plan import Aggregate, WindowPlan, measure_of
from feature_store.windows import DAY, HOUR, Window
from finmodel.events import LoggedIn
from finmodel.settings import Settings

CUSTOMER, EVENT = 42, "login-42-2"
THEIRS = {
    "sid": EVENT,
    "user": CUSTOMER,
    "at": "2005-09-20T10:00:00+08:00",
    "from": 3,
    "phone": "13800138000",
}
LETTER = DeadLetter(
    "bank.app.sessions", 1, 7, "unknown_value: channel", msgspec.json.encode(THEIRS)
)
BROKEN = DeadLetter("app.login.v1", 0, 3, "broken_bytes", "张三{".encode())
NAME = letter_id(LETTER)
MAPPED = """
topics:
  - source: bank.app.sessions
    topic: app.login.v1
    fields:
      event_id: sid
      customer_id: user
      occurred_at: {from: at, convert: time}
      known_at: {from: at, convert: time}
      channel: {from: from, values: {1: app, 2: web%s}}
      status: {constant: success}
"""
MAP, FIX = MAPPED % "", MAPPED % ", 3: mini_program"
"""topics.yaml as it was when the letter died, and mended."""

PLAN = WindowPlan(
    view="login",
    topic="app.login.v1",
    aggregates=(
        Aggregate("login_count_90d", "count", measure_of("event_id"), Window(90 * DAY, DAY)),
    ),
    lateness_us=6 * HOUR,
)
_VIEW = ViewPlan("login", 0.0, (FeaturePlan("login_count_90d", "Float32"),))
SERVICE = ServicePlan("s_v1", "customer_id", "int64", (_VIEW,))


def make_road(settings: Settings) -> None:
    """A login of each of a few customers, two dead letters, and the map that did not know them."""
    logins = [login(customer, f"login-{customer}-1") for customer in (7, CUSTOMER, 55)]
    with FileEventLog(settings.events, write=True) as log:
        log.append("app.login.v1", logins)
    FileDeadLetters(settings.dead_letters).put([LETTER, BROKEN])
    settings.topic_maps.write_text(MAP)


def login(customer: int, name: str) -> LoggedIn:
    at = datetime(2005, 9, 28, tzinfo=UTC)
    told = {"customer_id": customer, "occurred_at": at, "known_at": at}
    return LoggedIn(event_id=name, **told, channel="app", status="success")


def logins_counted(settings: Settings, folder: Path) -> float:
    """The customer's feature, with the log counted from where it was left."""
    place = MapPlace(folder / "counted", 0.05)
    with FileEventLog(settings.events) as log:
        catch_up(log, PackedWriter(place, "finmodel"), [PLAN])
    features = OnlineFeatures(place.path, place.map_gb)
    as_of = datetime(2005, 10, 1, tzinfo=UTC)
    found = float(features.fetch([CUSTOMER], SERVICE, as_of).matrix[0, 0])
    features.close()
    return found


def ends(settings: Settings) -> int:
    return sum(FileEventLog(settings.events).end_offsets("app.login.v1"))
