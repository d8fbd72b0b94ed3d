"""Where things lie and how the service listens, read once from the environment.

Everything that the platform writes is under one home folder. No other module reads the environment.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from finmodel.clock import Clock, StandingClock, SystemClock, parse_time
from finmodel.durable import disk_error
from finmodel.errors import BadInput
from finmodel.event_broker import EventBroker, broker_of
from finmodel.identity_provider import IdentityProvider, provider_of
from finmodel.retention import Periods, periods_of

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The platform's settings; each has a variable `FINMODEL_<NAME>`."""

    home: Path
    """Folder of everything written: events, features, models, audit, keys."""
    data: Path
    """Folder of real data that may not ship; what needs it says so where it is absent."""
    host: str = "127.0.0.1"
    """Address the service listens on; loopback unless you say otherwise."""
    port: int = 3000
    """Port the service listens on."""
    mlflow_tracking_uri: str = ""
    """MLflow's address (also read from MLFLOW_TRACKING_URI); SQLite under home if empty."""
    model: str = "behaviour_risk"
    """The registered risk model that the service decides by."""
    standing_clock: str = ""
    """ISO 8601 time at which the clock stands still; empty for the real time."""
    writer: str = ""
    """Who writes replies beside scripts: a base, a promoted adapter or a URL; empty for none."""
    fetch_base: bool = True
    """Whether demo and bench bring a base (1.1 GB, 91 MB); FINMODEL_FETCH_BASE=0 for not."""
    writer_b: str = ""
    """Another writer to compare with; empty for none."""
    writer_b_share: float = 0.5
    """The share of conversations that it writes in."""
    judge: str = ""
    """A model that judges generated sentences behind the guards, named as a writer is, or `writer`
    for the writer's own base; empty for none."""
    second_above_minor: int = 5_000_000
    """Beyond this amount (分) two underwriters must say the same of a case."""
    claim_minutes: float = 30.0
    """So long an underwriter has a case that was claimed."""
    embed: str = ""
    """The one origin, as https://desk.example, whose page may hold the panel; empty for none."""
    session_idle_minutes: float = 30.0
    """A person who does nothing at the console for so long is signed out."""
    session_hours: float = 12.0
    """Whoever signed in so long ago signs in again."""
    provider: IdentityProvider = field(default_factory=IdentityProvider)
    """Where people may sign in beside here: FINMODEL_OIDC_ISSUER, _CLIENT and _SECRET."""
    key: str = field(default="", repr=False)
    """The key of the person at the command line."""
    endpoint_key: str = field(default="", repr=False)
    """The key for a server of models that somebody else runs."""
    online_map_gb: float = 8.0
    """Largest size of the LMDB map of online features (a sparse file), in GiB."""
    kafka: EventBroker = field(default_factory=EventBroker)
    """Where dead letters are read and verdicts are written: FINMODEL_KAFKA and _CONFIG."""
    topics: str = ""
    """topics.yaml, by which a lender's own dead letters are read again; if empty, that of home."""
    core_hour_price: float = 0.0
    """What an hour of a core costs, in yuan; 0 where nobody says."""
    gpu_hour_price: float = 0.0
    """What an hour of a GPU costs with its machine, in yuan; 0 where nobody says."""
    engine_hour_price: float = 0.0
    """What an hour of the machine costs that writes replies, in yuan; 0 where nobody says."""
    online_store: str = field(default="", repr=False)
    """redis:// or rediss:// URL of the online features; the LMDB map under home if empty."""
    keep: Periods = field(default_factory=Periods)
    """How long each kind of record is kept: transactions=10y,logs=6m; as the law says if empty."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings from the environment.

        >>> Settings.from_env({"FINMODEL_HOME": "/srv/fm", "FINMODEL_PORT": "3999"}).port
        3999
        >>> Settings.from_env({"FINMODEL_PORT": "many"})
        Traceback (most recent call last):
        finmodel.errors.BadInput: FINMODEL_PORT: 'many' is no number above 0, up to 65535; give 3000
        """
        env = os.environ if env is None else env
        return cls(
            home=Path(env.get("FINMODEL_HOME", ".finmodel")).absolute(),
            data=Path(env.get("FINMODEL_DATA", "data")).absolute(),
            host=env.get("FINMODEL_HOST", "127.0.0.1"),
            port=int(_number(env, "FINMODEL_PORT", 3000, 65_535)),
            mlflow_tracking_uri=env.get("MLFLOW_TRACKING_URI", ""),
            model=env.get("FINMODEL_MODEL", "behaviour_risk"),
            standing_clock=env.get("FINMODEL_STANDING_CLOCK", ""),
            writer=_writer(env, "FINMODEL_WRITER"),
            fetch_base=env.get("FINMODEL_FETCH_BASE", "1") != "0",
            writer_b=_writer(env, "FINMODEL_WRITER_B"),
            writer_b_share=_number(env, "FINMODEL_WRITER_B_SHARE", 0.5, 1),
            judge=_writer(env, "FINMODEL_JUDGE"),
            second_above_minor=int(_number(env, "FINMODEL_SECOND_ABOVE", 5_000_000, 10**12)),
            claim_minutes=_number(env, "FINMODEL_CLAIM_MINUTES", 30.0, 1440),
            embed=_origin(env.get("FINMODEL_EMBED", "")),
            session_idle_minutes=_number(env, "FINMODEL_SESSION_IDLE_MINUTES", 30.0, 1_440),
            session_hours=_number(env, "FINMODEL_SESSION_HOURS", 12.0, 168),
            provider=provider_of(env),
            key=env.get("FINMODEL_KEY", ""),
            endpoint_key=env.get("FINMODEL_ENDPOINT_KEY", ""),
            online_map_gb=_number(env, "FINMODEL_ONLINE_MAP_GB", 8.0, 2**20),
            kafka=broker_of(env),
            topics=env.get("FINMODEL_TOPICS", ""),
            core_hour_price=_price(env, "FINMODEL_CORE_HOUR_PRICE"),
            gpu_hour_price=_price(env, "FINMODEL_GPU_HOUR_PRICE"),
            engine_hour_price=_price(env, "FINMODEL_ENGINE_HOUR_PRICE"),
            online_store=_redis_url(env.get("FINMODEL_ONLINE_STORE", "")),
            keep=periods_of(env.get("FINMODEL_KEEP", "")),
        )

    def child_env(self) -> dict[str, str]:
        """The environment of a child that must see the same settings, without the person's key.

        The key of a server that writes is there where one is asked; what the identity provider
        knows us by is a service's alone (`provider.env`).
        """
        ours = {
            "FINMODEL_HOME": str(self.home),
            "FINMODEL_DATA": str(self.data),
            "FINMODEL_HOST": self.host,
            "FINMODEL_PORT": str(self.port),
            "FINMODEL_MODEL": self.model,
            "FINMODEL_WRITER": self.writer,
            "FINMODEL_WRITER_B": self.writer_b,
            "FINMODEL_WRITER_B_SHARE": f"{self.writer_b_share:g}",
            "FINMODEL_JUDGE": self.judge,
            "FINMODEL_SECOND_ABOVE": f"{self.second_above_minor}",
            "FINMODEL_CLAIM_MINUTES": f"{self.claim_minutes:g}",
            "FINMODEL_EMBED": self.embed,
            "FINMODEL_SESSION_IDLE_MINUTES": f"{self.session_idle_minutes:g}",
            "FINMODEL_SESSION_HOURS": f"{self.session_hours:g}",
            "FINMODEL_STANDING_CLOCK": self.standing_clock,
            "FINMODEL_ONLINE_MAP_GB": f"{self.online_map_gb:g}",
            "FINMODEL_ONLINE_STORE": self.online_store,
            "FINMODEL_TOPICS": self.topics,
            "FINMODEL_CORE_HOUR_PRICE": f"{self.core_hour_price:g}",
            "FINMODEL_GPU_HOUR_PRICE": f"{self.gpu_hour_price:g}",
            "FINMODEL_ENGINE_HOUR_PRICE": f"{self.engine_hour_price:g}",
            "FINMODEL_KEEP": self.keep.text,
            "MLFLOW_TRACKING_URI": self.mlflow_uri,
            # BentoML empties its folder at each start, so no two services may share one.
            "BENTOML_HOME": str(self.home / "bentoml" / str(self.port)),
            "BENTOML_DO_NOT_TRACK": "True",
            **self.kafka.env,
        }
        if "://" in self.writer + self.writer_b + self.judge:
            ours["FINMODEL_ENDPOINT_KEY"] = self.endpoint_key
        theirs = ("FINMODEL_KEY", "FINMODEL_ENDPOINT_KEY", "FINMODEL_OIDC_SECRET")
        return {name: value for name, value in os.environ.items() if name not in theirs} | ours

    def make_home(self) -> None:
        """The folder of everything, for its owner alone: customers' data lie in it.

        Where it is there already its rights are left as they were set.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, self.home) from error

    @property
    def clock(self) -> Clock:
        """The clock that everything asks."""
        return (
            StandingClock(parse_time(self.standing_clock)) if self.standing_clock else SystemClock()
        )

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking and registry address."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def events(self) -> Path:
        """Folder of the file event log."""
        return self.home / "events"

    @property
    def offline(self) -> Path:
        """Folder of the views' Parquet files."""
        return self.home / "offline"

    @property
    def archive(self) -> Path:
        """Folder of events as Parquet: what windowed views are computed from again."""
        return self.home / "archive"

    @property
    def dead_letters(self) -> Path:
        """Folder of records that made no event, a file for each topic."""
        return self.home / "dead_letters"

    @property
    def topic_maps(self) -> Path:
        """File that says how a lender's own topics become ours; it need not be there."""
        return Path(self.topics).absolute() if self.topics else self.home / "topics.yaml"

    @property
    def streams(self) -> Path:
        """Folder in which each worker of the stream tells how far it is behind."""
        return self.home / "streams"

    @property
    def online(self) -> Path:
        """Folder of the LMDB map of online features."""
        return self.home / "online"

    @property
    def bases(self) -> Path:
        """Folder of open base models, and of where others lie."""
        return self.home / "bases"

    @property
    def exports(self) -> Path:
        """Folder of signed models: the only place that serving loads from."""
        return self.home / "exports"

    @property
    def adapters(self) -> Path:
        """Folder of signed adapters: the only place that serving lays one over a base from."""
        return self.home / "adapters"

    @property
    def policies(self) -> Path:
        """Folder of signed policies: the only place that serving takes a policy from."""
        return self.home / "policies"

    @property
    def scripts(self) -> Path:
        """Folder of the lender's own scripts and product facts: drafts, and what was published,
        signed."""
        return self.home / "scripts"

    @property
    def facts(self) -> Path:
        """Folder of YAML files in which a lender's editors write its product facts."""
        return self.home / "facts"

    @property
    def audit(self) -> Path:
        """Folder of the audit log's segments."""
        return self.home / "audit"

    @property
    def conversations(self) -> Path:
        """File of conversations under way, sealed under their customers' keys."""
        return self.home / "conversations" / "book.db"

    @property
    def suggestions(self) -> Path:
        """File of suggestions that agents were shown, and of their verdicts."""
        return self.home / "suggestions" / "book.db"

    @property
    def wrap_ups(self) -> Path:
        """File of what agents wrote down after their chats, and of the tickets that followed."""
        return self.home / "wrap_ups" / "book.db"

    @property
    def guard_cases(self) -> Path:
        """File of false alarms: this lender's own cases of the guards."""
        return self.home / "guards" / "cases.jsonl"

    @property
    def guard_calibration(self) -> Path:
        """What this lender's ordinary messages made of the inbound guard, signed."""
        return self.home / "guards" / "calibration.json"

    @property
    def underwriting(self) -> Path:
        """File of cases for people; the audit log can fill it again."""
        return self.home / "underwriting" / "book.db"

    @property
    def restrictions(self) -> Path:
        """File of customers who asked to be erased while a rule still holds their records."""
        return self.home / "restrictions" / "book.db"

    @property
    def outcomes(self) -> Path:
        """Folder of what became of decisions, a Parquet file for each load."""
        return self.home / "outcomes"

    @property
    def imported(self) -> Path:
        """Folder of decisions that were made elsewhere before, a folder of columns each load."""
        return self.home / "imported"

    @property
    def alerts(self) -> Path:
        """Folder of monitoring's alerts and who acknowledged them: an audit log of its own."""
        return self.home / "alerts"

    @property
    def demo(self) -> Path:
        """What the demo has done: no other home has this folder."""
        return self.home / "demo"

    @property
    def arrival(self) -> Path:
        """File in which a demo's base that is being brought tells how it stands."""
        return self.demo / "arrival.json"

    @property
    def monitoring(self) -> Path:
        """Folder of monitoring's last results, which can all be computed again."""
        return self.home / "monitoring"

    @property
    def marketing(self) -> Path:
        """Folder of campaigns' plans and of the ledger of contacts."""
        return self.home / "marketing"

    @property
    def vault(self) -> Path:
        """File of the customers' keys, apart from the log that they unlock."""
        return self.home / "vault" / "keys.db"

    @property
    def signing(self) -> Path:
        """Folder of the key that signs exports and of its public half."""
        return self.home / "signing"

    @property
    def people(self) -> Path:
        """File of people, their roles and the hashes of their keys and passwords."""
        return self.home / "people.json"

    @property
    def sessions(self) -> Path:
        """File of who is signed in at a browser, and of wrong passwords."""
        return self.home / "sessions" / "book.db"


def _number(env: Mapping[str, str], name: str, default: float, most: float) -> float:
    try:
        found = float(env.get(name, default))
    except ValueError:
        found = math.nan
    if not 0 < found <= most:
        raise BadInput(
            f"{env[name]!r} is no number above 0, up to {most:.0f}",
            where=name,
            remedy=f"give {default:g}",
        )
    return found


def _price(env: Mapping[str, str], name: str) -> float:
    """0 where it is not set, or said to be 0."""
    return 0.0 if env.get(name, "0").strip() in ("", "0") else _number(env, name, 0.1, 1e6)


def _writer(env: Mapping[str, str], name: str) -> str:
    """Who writes; it is shown as it is, so that no password may stand in it."""
    given = env.get(name, "")
    if "://" in given and "@" in given.partition("://")[2].partition("/")[0]:
        raise BadInput(
            "its URL holds a name or a password, which everybody would see",
            where=name,
            remedy="leave it out, and give the key in FINMODEL_ENDPOINT_KEY",
        )
    return given


def _redis_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://")):
        raise BadInput(  # it may hold a password: it is not repeated
            "it is no redis:// or rediss:// URL",
            where="FINMODEL_ONLINE_STORE",
            remedy="give redis://host:6379/0, or leave it empty for the map under home",
        )
    return text


def _origin(given: str) -> str:
    """A page's origin, which stands in a header and so may hold nothing else."""
    if given and not _ORIGIN.fullmatch(given):
        raise BadInput(
            f"{given!r} is no origin", where="FINMODEL_EMBED", remedy="give https://desk.example"
        )
    return given
