"""Connection strings, and what is said where Redis does not answer or does not let one in."""

import sys

import pytest

from benchmarks._redis_server import running
from feature_store import redis_client
from feature_store.redis_client import RedisLink, RedisPlace
from finmodel.errors import BadInput, NotReady, Refused

PASSWORD = "s3cret:of/a@lender"


def told(error: BaseException | None) -> str:
    """All that a log would show of an error."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {error.args}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nowhere",
        "host:port,password=s3cret",
        "http://:s3cret@host/0",
        "redis://:s3cret@host:port/0",
        "host:6379,password=s3cret,colour=red",
        "password=s3cret",
    ],
)
def test_a_connection_string_that_cannot_be_read_is_refused_without_its_password(text):
    with pytest.raises(BadInput, match="connection_string") as caught:
        RedisLink(RedisPlace(text, "lender"))
    assert "s3cret" not in told(caught.value)


@pytest.mark.servers
def test_a_password_opens_and_is_never_shown(tmp_path):
    with running(tmp_path, "--requirepass", PASSWORD) as server:
        quoted = PASSWORD.replace(":", "%3A").replace("/", "%2F").replace("@", "%40")
        listed, wrong = f"{server.address},password={PASSWORD}", f"{server.address},password=no-way"
        for text in (listed, f"redis://:{quoted}@{server.address}/0"):
            assert RedisLink(RedisPlace(text, "lender")).ask("ECHO", "yes") == b"yes"
        for text in (wrong, server.address):
            with pytest.raises(Refused, match="does not let this user in") as caught:
                RedisLink(RedisPlace(text, "lender")).ask("ECHO", "yes")
            assert "no-way" not in told(caught.value)
        server.kill()
        with pytest.raises(NotReady, match=rf"{server.address}: Redis does not answer") as gone:
            RedisLink(RedisPlace(listed, "lender")).ask_all([("GET", b"a key")])
    shown = told(gone.value) + repr(RedisPlace(listed, "lender"))
    assert PASSWORD not in shown
    assert "a key" not in shown


@pytest.mark.servers
def test_a_number_is_a_password_too(tmp_path):
    with running(tmp_path, "--requirepass", "007") as server:
        place = RedisPlace(f"{server.address},password=007", "lender")
        assert RedisLink(place).ask("ECHO", "yes") == b"yes"


@pytest.mark.servers
def test_a_redis_that_is_slow_to_answer_is_not_waited_for(empty_redis):
    link = RedisLink(RedisPlace(f"{empty_redis.address},socket_timeout=0.2", "lender"))
    assert link.ask("ECHO", "yes") == b"yes"
    empty_redis.say("CLIENT PAUSE 700 ALL")
    with pytest.raises(NotReady, match=r"does not answer \(TimeoutError\)"):
        link.ask("GET", "x")
    empty_redis.say("PING")  # answered once the pause is over
    assert link.ask("GET", "x") is None


@pytest.mark.servers
def test_an_answer_never_stands_for_another_question_after_a_timeout(empty_redis):
    link = RedisLink(RedisPlace(f"{empty_redis.address},socket_timeout=0.2", "lender"))
    link.ask_all([("SET", f"k{n}", n) for n in range(50)])
    empty_redis.say("CLIENT PAUSE 500 ALL")
    with pytest.raises(NotReady):
        link.ask_all([("GET", f"k{n}") for n in range(50)])
    empty_redis.say("PING")
    assert link.ask_all([("GET", "k7")]) == [b"7"]


@pytest.mark.servers
def test_one_bad_command_among_many_is_told_without_its_words(empty_redis):
    link = RedisLink(RedisPlace(empty_redis.address, "lender"))
    with pytest.raises(NotReady, match="Redis says ResponseError") as caught:
        link.ask_all([("SET", "x", 1), ("INCRBY", "x", "a customer's words"), ("GET", "x")])
    assert "words" not in told(caught.value)


def test_where_redis_py_is_missing_the_remedy_is_named(monkeypatch):
    redis_client._client.cache_clear()
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(NotReady, match=r"redis-py is not installed; install finmodel\[stream\]"):
        RedisLink(RedisPlace("127.0.0.1:1", "lender"))
