"""`finmodel evaluate`: one table over a base, adapters and a real server, on the same replies."""

import json
import math

import msgspec
import pytest
import torch
import xllamacpp

from fine_tune.bases.base import open_base
from fine_tune.bases.shelf import shelve
from fine_tune.judging.evaluate import lesson_samples, mean_loss
from fine_tune.judging.evaluation import SUITES
from fine_tune.judging.suites import asked_of
from fine_tune.lessons.prepare import prepare
from fine_tune.network.model import load_base, with_adapter
from fine_tune.recipe import Adapter
from finmodel import adapters, tracking
from finmodel.conversation_files import write_conversations
from finmodel.errors import BadInput, Damaged, NoRoom, NotFound, NotReady
from finmodel.hashed_file import hashed
from finmodel.lender.talk.conversations import write
from finmodel.manifest import Check, Verdict
from finmodel.privacy.masks import masked
from finmodel.records import Person
from finmodel.settings import Settings
from serving.evaluating import evaluate
from tests.finmodel.assistant.engines.small_engines import small
from tests.finmodel.mlflow_home import settings_at

PASSED = Verdict(True, (Check("general rise", 0.0, "≤ 0.05", True),), "held-out")
REPLIES = 5


def registered(settings: Settings, made, seed: int) -> int:
    """An adapter with weights that say something, gated."""
    model = with_adapter(load_base(made.base.folder, torch.float32), Adapter(rank=4, alpha=8), seed)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 0.3)
    aside = settings.home / f"aside{seed}"
    model.save_pretrained(aside)
    tags = {"kind": "adapter", "base": made.base.digest}
    with tracking.run(settings, "scripts", tags) as run:
        source = run.log_folder(aside, "adapter")
    version = tracking.register(settings, "scripts", source, run.id, tags)
    digest = adapters.weights_digest(aside)
    about = adapters.About("scripts", version, made.base.digest, digest, PASSED, "eva", run.id)
    adapters.record_verdict(settings, about, Person("eva", frozenset({"engineer"})))
    return version


def with_long_words(one):
    """A conversation whose customer says more at once than is read."""
    said = [
        msgspec.structs.replace(m, text=m.text + "ok" * 2_000) if m.who == "customer" else m
        for m in one.messages
    ]
    return msgspec.structs.replace(one, messages=tuple(said))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A home with a base on the shelf, two adapters of which the first is champion, and a file."""
    folder = tmp_path_factory.mktemp("evaluate")
    made = small(folder, context=4_096)
    settings = settings_at(folder / "home")
    shelve(settings.bases, "small", made.base.folder, hashed(made.gguf))
    for seed in (1, 2):
        registered(settings, made, seed)
    adapters.promote(settings, "scripts", 1, Person("val", frozenset({"validator"})))
    told = [one.conversation for one in write(240, seed=3)]
    write_conversations(folder / "c.jsonl", [one for one in told if one.split == "test"])
    return settings, made, folder, told


@pytest.fixture
def run(desk, monkeypatch, capsys):
    settings, _, folder, _ = desk
    monkeypatch.setenv("FINMODEL_HOME", str(settings.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(*targets, as_json=True, **more):
        words = {"conversations": folder / "c.jsonl", "replies": REPLIES} | more
        evaluate(list(targets), **words, json=as_json)
        out = capsys.readouterr()
        return (json.loads(out.out) if as_json else out.out), out.err

    return call


def test_candidate_champion_and_base_stand_side_by_side_in_one_mlflow_run(desk, run):
    settings, made, _, told = desk
    table, said = run("scripts", "small")
    assert [one["target"] for one in table["columns"]] == ["scripts/2", "scripts/1", "small"]
    assert [one["champion"] for one in table["columns"]] == [False, True, False]
    assert {one["engine"] for one in table["columns"]} == {"llama.cpp"}
    assert f"scripts/1: replies written: {REPLIES}" in said
    for one in table["columns"]:
        assert list(one["figures"]) == list(SUITES)
        assert one["figures"]["script.distance"]["of"] == REPLIES
        assert one["base"] == made.base.digest
    losses = [one["figures"]["script.perplexity"]["value"] for one in table["columns"]]
    assert len(set(losses)) == 3
    tests = [one for one in told if one.split == "test"]
    lessons = asked_of(prepare(tests, masked, needed="test").lessons["test"], REPLIES)
    loss = mean_loss(
        load_base(made.base.folder, torch.float32), lesson_samples(lessons, made.base, 1024), 1024
    )
    assert math.exp(loss) == pytest.approx(losses[2], rel=0.02)
    kept = json.loads(tracking.kept(settings, table["run"], "table.json"))
    assert kept == table
    replies = json.loads(tracking.kept(settings, table["run"], "replies.json"))
    assert [len(one) for one in replies.values()] == [REPLIES] * 3
    assert len({one[0]["written"] for one in replies.values()}) == 3


def test_a_server_is_asked_the_same_and_has_no_likelihoods(desk, run):
    settings, made, _, _ = desk
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(made.gguf), 4_096, 1
    params.cpuparams.n_threads, params.verbosity, params.warmup = 1, 0, False
    server = xllamacpp.Server(params)
    url = f"{server.listening_address}/v1"
    table, _ = run(url, "small", base="small")
    remote, local = table["columns"]
    assert remote["kind"] == "endpoint"
    for name in ("script.perplexity", "general.loss"):
        assert remote["figures"][name] == {"value": None, "of": 0, "low": None, "high": None}
        assert local["figures"][name]["value"] > 0
    replies = json.loads(tracking.kept(settings, table["run"], "replies.json"))
    assert replies[url] == replies["small"]


def test_transformers_write_the_same_and_a_person_reads_a_table(desk, run):
    table, _ = run("scripts@champion", engine="transformers")
    (only,) = table["columns"]
    assert (only["target"], only["engine"]) == ("scripts/1", "transformers")
    shown, _ = run("scripts/1", as_json=False)
    assert "5 held-out replies 留出答复" in shown
    assert "scripts/1" in shown
    assert "adapter, champion, llama.cpp" in shown
    for words in SUITES.values():
        assert words in shown
    assert "kept in MLflow, run " in shown


@pytest.mark.parametrize(
    ("targets", "more", "error", "says"),
    [
        (["nothing"], {}, NotFound, "'nothing' is no base on the shelf, no directory and no"),
        (["scripts/9"], {}, NotFound, "scripts version 9: there is no such model"),
        (["scripts@challenger"], {}, NotFound, "scripts: no challenger was promoted"),
        (["small"], {"engine": "vllm"}, BadInput, "'vllm' is no engine here"),
        (["http://127.0.0.1:9/v1"], {}, NotReady, "the endpoint does not answer"),
        (["ftp://host/v1"], {}, BadInput, "no http:// or https:// URL"),
        (["small"], {"conversations": "train.jsonl"}, BadInput, "no conversation is left to test"),
        (["scripts"], {"base": "other"}, BadInput, "the adapter belongs to another base"),
        (["{0}/other"], {"engine": "llama.cpp"}, BadInput, "GGUF of this base.*--engine transf"),
        (["small"], {"conversations": "empty.jsonl"}, BadInput, "empty.jsonl: it holds no conv"),
        (
            ["small"],
            {"conversations": "odd.jsonl"},
            BadInput,
            r"odd\.jsonl line 2: facts: \{amount_deu\}: no such slot; did you mean",
        ),
        (
            ["small"],
            {"conversations": "long.jsonl"},
            BadInput,
            "longer than 1,024 tokens; leave the conversation out of the file",
        ),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(desk, run, targets, more, error, says):
    settings, made, folder, told = desk
    other = folder / "other"
    if not other.exists():
        load_base(made.base.folder, torch.float32).save_pretrained(other)
        for name in ("tokenizer.json", "chat_template.jinja"):
            (other / name).write_bytes((made.base.folder / name).read_bytes())
        (other / "generation_config.json").unlink(missing_ok=True)
        shelve(settings.bases, "other", other)
        assert open_base(other).digest != made.base.digest
        write_conversations(
            folder / "train.jsonl", [one for one in told if one.split == "train"][:9]
        )
        tests = [one for one in told if one.split == "test"][:2]
        (folder / "empty.jsonl").write_text("\n")
        odd = msgspec.structs.replace(tests[1], facts={"amount_deu": 1})
        write_conversations(folder / "odd.jsonl", [tests[0], odd])
        write_conversations(folder / "long.jsonl", map(with_long_words, tests))
    if "conversations" in more:
        more = {"conversations": folder / more["conversations"]}
    with pytest.raises(error, match=says):
        run(*(word.format(folder) for word in targets), **more)


def test_an_adapter_that_llama_cpp_has_no_place_for_is_told_what_writes(run, monkeypatch):
    monkeypatch.setattr("fine_tune.training.export._HEADS", {})
    with pytest.raises(BadInput, match=r"scripts/2: .*; write by transformers: --engine transf"):
        run("scripts")


def test_a_gguf_that_was_changed_since_it_was_brought_is_not_opened(desk, run):
    made = desk[1]
    whole = made.gguf.read_bytes()
    made.gguf.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(Damaged, match="its bytes are not those of when it was brought"):
            run("small")
    finally:
        made.gguf.write_bytes(whole)


def test_a_base_that_finds_no_memory_is_told(run, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr("serving.comparing.load_base", short)
    with pytest.raises(NoRoom, match=r"small: comparing found no memory .*; a smaller base fits"):
        run("small")
