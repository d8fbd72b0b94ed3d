"""An engine in this process takes as many replies at once as its places say."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from fine_tune.bases.base import open_base
from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.within import within
from finmodel.assistant.suggesting.shelf import FEW, MANY
from finmodel.assistant.template import Message
from finmodel.settings import Settings
from serving.local_engine import gguf_to_serve, open_engine, places_for

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
    large = of_a_gigabyte(tmp_path)
    assert places_for(small, None) == MANY
    assert places_for(large, tmp_path / "base.gguf") == FEW
    assert places_for(large, None) == FEW


def of_a_gigabyte(folder):
    """The tiny base, as if it were a large one."""
    weights = folder / "large.safetensors"
    with weights.open("wb") as file:
        file.truncate(1 << 30)
    return replace(open_base(TINY), weights=(weights,))


def test_on_a_gpu_transformers_serves_a_large_base_though_its_gguf_is_here(tmp_path, monkeypatch):
    large = of_a_gigabyte(tmp_path)
    monkeypatch.setattr("fine_tune.bases.shelf.gguf_with", lambda *_: tmp_path / "base.gguf")
    here = Settings(home=tmp_path, data=tmp_path)
    assert gguf_to_serve(here, large, tmp_path) == tmp_path / "base.gguf"
    monkeypatch.setattr("serving.local_engine.has_gpu", lambda: True)
    assert gguf_to_serve(here, large, tmp_path) is None
    assert gguf_to_serve(here, open_base(TINY), tmp_path) == tmp_path / "base.gguf"
    assert places_for(large, None) == MANY


def test_what_a_gpu_would_compute_in_bfloat16_is_written(monkeypatch):
    monkeypatch.setattr("serving.local_engine.has_gpu", lambda: True)
    with closing(open_engine(open_base(TINY), None, {}, slots=2)) as engine:
        assert engine._model.dtype == torch.bfloat16
        assert "".join(within(engine, ASKED))
