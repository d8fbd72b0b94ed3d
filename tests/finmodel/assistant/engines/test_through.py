"""An engine asked by way of somebody else is the same to whoever asks."""

from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.engines.through import Through
from finmodel.assistant.template import Message


def test_another_way_of_asking_keeps_the_name_and_closes_nothing():
    closed = []

    class Own(Scripted):
        def close(self):
            closed.append(True)

    engine, heard = Own(lambda asked: "您好。"), []

    def ask(asked):
        for piece in engine.stream(asked):
            heard.append(piece)
            yield piece

    through = Through(engine, ask)
    said = "".join(through.stream(Asked((Message("user", "在吗"),))))
    assert (said, "".join(heard)) == ("您好。", "您好。")
    assert (through.name, through.grammars) == (engine.name, engine.grammars)
    through.close()
    assert closed == []
