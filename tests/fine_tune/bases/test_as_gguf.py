"""A base as GGUF: llama.cpp writes what transformers writes, and what it kept is told."""

import dataclasses
import shutil

import pytest

from fine_tune.bases.as_gguf import write_base_gguf
from fine_tune.bases.base import TEMPLATE, open_base
from fine_tune.bases.shipped import shipped
from finmodel.assistant.engines.engine import Asked, Read, write
from finmodel.assistant.engines.llama_cpp import LlamaCpp
from finmodel.assistant.engines.transformer import open_transformer
from finmodel.assistant.template import Message
from finmodel.errors import BadInput

SAID = (
    Message("system", "你是消费金融公司的在线客服。金额只写字段，如{amount_due}。"),
    Message("user", "您好，我这个月要还多少钱？ 2 days & <b>"),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    base = open_base(shipped())
    return base, write_base_gguf(base, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_llama_cpp_writes_of_it_what_transformers_writes_of_the_directory(written):
    base, gguf = written
    engine = LlamaCpp(gguf, base.spoken, context=256, slots=2, threads=1)
    told = []
    asked = Asked(SAID, most=40, tell=told.append)
    assert write(engine, asked) == write(open_transformer(base.folder, base.spoken), asked)
    longer = dataclasses.replace(asked, messages=(*SAID, Message("user", "谢谢")), most=1)
    write(engine, longer)
    prompts = [base.spoken.prompt(one) for one in (asked, longer)]
    sizes = [len(one) for one in prompts]
    assert [one.tokens for one in told] == [sizes[0], sizes[0], sizes[1]]
    assert told[0].kept == 0
    assert told[1] == Read(sizes[0], 0), "transformers keeps nothing"
    same = [a == b for a, b in zip(*prompts, strict=False)]
    assert told[2].kept == same.index(False) > 50
    engine.close()


def test_what_llama_cpp_could_not_read_is_a_sentence_and_no_file(written, tmp_path):
    base, _ = written
    folder = shutil.copytree(base.folder, tmp_path / "base")
    (folder / TEMPLATE).unlink()
    with pytest.raises(BadInput, match="is not written as GGUF here; add the base's own GGUF"):
        write_base_gguf(dataclasses.replace(base, folder=folder), tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()
