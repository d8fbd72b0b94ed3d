"""One connection to a Redis, or to a cluster of them: from the words of a setting to a link.

A connection string comes in; commands go out over redis-py, and whatever it raises becomes one of
our errors, which name the server and never a password, a key or a value. Knows no key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from finmodel.errors import BadInput, Damaged, FinmodelError, NoRoom, NotReady, Refused

TIMEOUTS_S = {"socket_connect_timeout": 2.0, "socket_timeout": 10.0}
"""How long Redis may take to answer; a connection string may say otherwise."""
PORT = 6379
_AT_ONCE = 1_000
"""Commands sent before the first answer is read."""


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A project's keys in a Redis."""

    connection_string: str = field(repr=False)
    """`host:port[,host:port …][,name=value …]` as Feast's own store has it, or a redis:// URL."""
    project: str

    @property
    def name(self) -> str:
        """What may be said of it."""
        return _name(self.connection_string)


class Script(NamedTuple):
    """Lua that Redis runs on one key, in one step."""

    text: str

    @property
    def sha(self) -> str:
        """The name under which Redis keeps it."""
        return hashlib.sha1(self.text.encode()).hexdigest()


class RedisLink:
    """What is asked of a Redis: commands that touch one key each, so that a cluster can answer.

    BadInput if the connection string cannot be read; NotReady if redis-py is not installed.
    """

    def __init__(self, place: RedisPlace) -> None:
        self.name = place.name
        self._client = _client(place.connection_string)

    def ask(self, *command: Any) -> Any:
        """The answer to one command."""
        with speaking(self.name):
            return self._client.execute_command(*command)

    def ask_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """The answer to each command, many sent at a time; the first error among them is raised."""
        answers = self._sent(commands)
        self._raise_first(answers)
        return answers

    def run(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """What a script says of each call: a key, then arguments."""
        lost_to = _library().exceptions.NoScriptError
        commands = [("EVALSHA", script.sha, 1, *call) for call in calls]
        answers = self._sent(commands)
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, lost_to)]
        if unknown:  # Redis was restarted, or never met it: nothing of these was done
            with speaking(self.name):
                self._client.script_load(script.text)
            again = self._sent([commands[i] for i in unknown])
            for i, answer in zip(unknown, again, strict=True):
                answers[i] = answer
        self._raise_first(answers)
        return answers

    def keys(self, pattern: str) -> Iterator[bytes]:
        """Every key that a pattern fits, on every node."""
        with speaking(self.name):
            yield from self._client.scan_iter(match=pattern, count=_AT_ONCE)

    def close(self) -> None:
        """Let go of the connections; the next command makes new ones."""
        self._client.close()

    def _sent(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        answers: list[Any] = []
        for start in range(0, len(commands), _AT_ONCE):
            with speaking(self.name), self._client.pipeline(transaction=False) as pipeline:
                for command in commands[start : start + _AT_ONCE]:
                    pipeline.execute_command(*command)
                # An error that it raised itself would quote the command: a customer's key.
                answers += pipeline.execute(raise_on_error=False)
        return answers

    def _raise_first(self, answers: Sequence[Any]) -> None:
        for answer in answers:
            if isinstance(answer, Exception):
                raise typed(answer, self.name) from answer


@lru_cache(maxsize=16)
def _client(text: str) -> Any:
    hosts, options = _parsed(text)
    redis = _library()
    # Asked again by whoever knows whether asking twice is right, and of the same server.
    options |= {"retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0)}
    try:
        if options.pop("cluster", False):
            nodes = [redis.cluster.ClusterNode(host, port) for host, port in hosts]
            with speaking(_name(text)):
                return redis.cluster.RedisCluster(startup_nodes=nodes, **options)
        return redis.Redis(host=hosts[0][0], port=hosts[0][1], **options)
    except TypeError:
        # Not chained: it quotes what was given.
        raise _unreadable("it has an option that redis-py does not know") from None


def _name(text: str) -> str:
    return f"Redis at {', '.join(f'{host}:{port}' for host, port in _parsed(text)[0])}"


def _library() -> Any:
    try:
        import redis
        import redis.backoff
        import redis.cluster
        import redis.retry
    except ModuleNotFoundError as error:
        raise NotReady(
            "redis-py is not installed", where="online store", remedy="install finmodel[stream]"
        ) from error
    return redis


@lru_cache(maxsize=16)
def _parsed(text: str) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Hosts and options.

    >>> _parsed("a:1,b:2,cluster=true")[0]
    [('a', 1), ('b', 2)]
    >>> hosts, options = _parsed("rediss://:secret@db/3?socket_timeout=5")
    >>> hosts, options["ssl"], options["db"], options["socket_timeout"]
    ([('db', 6379)], True, 3, 5)
    """
    hosts, given = _from_url(text) if "://" in text else _from_list(text)
    options = {name: _value(value) for name, value in given.items()}
    for name in {"username", "password"} & set(given):
        options[name] = given[name]  # as it stands, even where it looks like a number
    return hosts, {**TIMEOUTS_S, **options}


def _from_url(text: str) -> tuple[list[tuple[str, int]], dict[str, str]]:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port or PORT
    except ValueError:
        host = None
    if host is None or url.scheme not in ("redis", "rediss"):
        raise _unreadable("it is no redis:// or rediss:// URL")
    found = {
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "db": url.path.strip("/"),
        "ssl": "true" if url.scheme == "rediss" else "",
    }
    return [(host, port)], {k: v for k, v in found.items() if v} | dict(parse_qsl(url.query))


def _from_list(text: str) -> tuple[list[tuple[str, int]], dict[str, str]]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    given = dict(part.split("=", 1) for part in parts if "=" in part)
    hosts = []
    for part in parts:
        host, _, port = part.rpartition(":")
        if "=" not in part:
            if not host or not port.isdigit():
                raise _unreadable("it has a server that is no host:port")
            hosts.append((host, int(port)))
    if not hosts:
        raise _unreadable("it names no server")
    return hosts, given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _unreadable(what: str) -> BadInput:
    return BadInput(
        what,
        where="connection_string of the online store",
        remedy="write host:port,ssl=true,password=… or redis://user:password@host:port/0",
    )


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Turn what redis-py raises into errors that say what it means at the place of this name."""
    redis = _library()
    try:
        yield
    except (redis.exceptions.RedisError, redis.exceptions.RedisClusterException) as error:
        raise typed(error, name) from error


def typed(error: Exception, name: str) -> FinmodelError:
    """What an error of redis-py's means; of what it says itself only the kind is repeated."""
    known = _library().exceptions
    denied = known.AuthenticationError, known.AuthorizationError, known.NoPermissionError
    if isinstance(error, denied):
        return Refused(
            "Redis does not let this user in",
            where=name,
            remedy="mend the user name and the password in its connection string",
        )
    if isinstance(error, known.OutOfMemoryError):
        return NoRoom(
            "Redis is full (maxmemory); some rows of this call may be written",
            where=name,
            remedy="give it more memory and send them again",
        )
    if str(error).startswith("WRONGTYPE"):
        return Damaged(
            "one of our keys holds something of another kind",
            where=name,
            remedy="give the project a Redis, or a database, of its own",
        )
    away = known.ConnectionError, known.TimeoutError, known.RedisClusterException
    if isinstance(error, away):
        return NotReady(
            f"Redis does not answer ({type(error).__name__})",
            where=name,
            remedy="start it, or mend the connection, and send the call again",
        )
    kind = str(error).partition(" ")[0] if isinstance(error, known.ResponseError) else ""
    return NotReady(
        f"Redis says {kind if kind.isupper() else type(error).__name__}",
        where=name,
        remedy="look into its log, then try again",
    )
