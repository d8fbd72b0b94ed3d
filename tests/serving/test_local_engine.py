"""An engine in this process takes as many replies at once as its places say."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from fine_tune.bases.base import open_base
from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.within import within
from finmodel.assistant.suggesting.shelf import FEW, MANY
from finmodel.assistant.template import Message
from serving.local_engine import open_engine, places_for

TINY = Path(__file__).parents[2] / "fine_tune" / "tiny"
ASKED = Asked((Message("user", "您好，逾期了怎么办？"),), most=12, seconds=60)


def test_where_there_is_no_gguf_nobody_waits_for_who_writes_long():
    with closing(open_engine(open_base(TINY), None, {}, slots=2)) as engine:
        long = within(engine, replace(ASKED, most=10**6, temperature=2.0, seconds=600))
        assert next(long)
        assert "".join(within(engine, ASKED))
        assert next(long)
        long.close()


def test_a_small_base_has_many_places_and_a_large_one_on_a_cpu_few(tmp_path):
    small = open_base(TINY)
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    assert places_for(small, None) == MANY
    assert places_for(replace(small, weights=(large,)), tmp_path / "base.gguf") == FEW
