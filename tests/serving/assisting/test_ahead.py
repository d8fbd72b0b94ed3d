"""What is said is read before a suggestion is asked for; old talk is left alone."""

import threading
from datetime import timedelta

import pytest

from finmodel.assistant.engines.engine import Read, limited
from tests.serving.assist_world import NOW, assist_world, brought, message
from tests.serving.small_world import wait_until

UNSURE = "我有点拿不准要不要现在把剩下的都还了呢"


class Keeping:
    """An engine that keeps what it read, message by message, and tells how many it knew."""

    name, grammars, keeps = "keeping", False, True

    def __init__(self):
        self.asked, self.known = [], ()
        self.held = threading.Event()
        self.held.set()

    def stream(self, asked):
        return limited(self._pieces(asked), asked)

    def _pieces(self, asked):
        self.asked.append(asked)
        assert self.held.wait(10)
        same = [a == b for a, b in zip(asked.messages, self.known, strict=False)]
        kept = same.index(False) if False in same else len(same)
        self.known = asked.messages
        if asked.tell is not None:
            asked.tell(Read(len(asked.messages), kept))
        yield "您别着急，"[: asked.most]
        if asked.most > 5:
            yield "这件事我帮您看。"

    def close(self):
        pass


@pytest.fixture
def engine():
    return Keeping()


def now(number, text, who="customer"):
    return message(number, text, who) | {"at": (NOW + timedelta(seconds=number)).isoformat()}


def bring(client, name, *messages):
    answer = client.post(f"/conversations/{name}/messages", json=brought(*messages))
    assert answer.status_code == 200, answer.text


def suggested(client, name):
    answer = client.post("/suggest", json={"conversation": name, "tone": "warm"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_was_brought_and_what_was_sent_are_read_before_they_are_asked_about(tmp_path, engine):
    with assist_world(tmp_path, engine=engine) as world, world.client() as li:
        bring(li, "c1", now(1, UNSURE))
        wait_until(lambda: len(engine.asked) == 1, 5)
        assert engine.asked[0].most == 1
        told = suggested(li, "c1")
        assert (told["prompt_tokens"], told["kept_tokens"]) == (3, 2), "the tone stands behind"
        bring(li, "c1", now(1, UNSURE))
        given = {"shown": told["shown"], "place": 1, "text": "好的，请稍等。"}
        assert li.post("/feedback", json=given).status_code == 200
        wait_until(lambda: len(engine.asked) == 3, 5)
        assert [one.role for one in engine.asked[2].messages] == ["system", "user", "assistant"]


def test_old_talk_and_what_nobody_keeps_are_not_read(tmp_path, engine):
    with assist_world(tmp_path, engine=engine) as world, world.client() as li:
        bring(li, "old", message(1, UNSURE))  # an hour ago
        bring(li, "new", now(1, UNSURE))
        wait_until(lambda: len(engine.asked) == 1, 5)
        engine.keeps = False
        bring(li, "new", now(2, "在吗"))
        told = suggested(li, "new")
        assert len(engine.asked) == 2
        assert told["kept_tokens"] == 2


def test_whoever_asks_while_it_is_read_waits_for_that_and_reads_nothing_twice(tmp_path, engine):
    with assist_world(tmp_path, engine=engine) as world, world.client() as li:
        engine.held.clear()
        bring(li, "c1", now(1, UNSURE))
        wait_until(lambda: len(engine.asked) == 1, 5)
        told = []
        asking = threading.Thread(target=lambda: told.append(suggested(li, "c1")), daemon=True)
        asking.start()
        wait_until(lambda: world.desk.writing.turns._waiting == 1, 5)
        assert len(engine.asked) == 1
        engine.held.set()
        asking.join(10)
        assert told[0]["kept_tokens"] == 2
