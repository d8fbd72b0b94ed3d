"""`finmodel tune` as a shell sees it: an adapter of a small base, a sentence for what is wrong."""

import json
import os
import re
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from gguf import GGUFReader
from typer.testing import CliRunner

from fine_tune.bases.base import open_base
from fine_tune.bases.shelf import shelve
from fine_tune.lessons.prepare import prepare
from fine_tune.network.model import load_base
from fine_tune.ready import Material, Simulated
from finmodel import tracking
from finmodel.audit import scan
from finmodel.conversation_files import read_conversations, write_conversations
from finmodel.errors import BadInput, Refused
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.general import general_text
from finmodel.lender.talk.verdicts import judge
from finmodel.privacy.masks import masked
from finmodel.progress import silent
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.settings import Settings
from finmodel.signed_adapters import GGUF, served_adapter, weights_digest
from finmodel.trained_on import taught_by
from finmodel.vault import Vault
from finmodel.verdict_files import write_verdicts
from serving import promotion
from serving.access import People
from serving.assisting.signed_writers import open_signed_writer
from serving.cli import app
from serving.exporting import export
from serving.tuning import conversations_of, tune
from tests.fine_tune.small_model import small_base
from tests.serving.demo_shell import FINMODEL, Shell

RECIPE = """
name: scripts
base: base
length: 640
epochs: 1
save_every: 5
adapter: {rank: 4, alpha: 16}
optimiser: {learning_rate: 0.01}
gates: {general_rise: 10, grounded: 0, violations: 2}
"""


TINY = Path(__file__).parents[2] / "fine_tune" / "lora_tiny.yaml"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A shell with an engineer's key, a recipe beside its base, and conversations in a file."""
    folder = tmp_path_factory.mktemp("tune")
    shell = Shell(folder / "home")
    added = shell.finmodel("people", "add", "Lin", "--role", "engineer")
    told = [one.conversation for one in write(60, seed=9)]
    said = [m.slotted or m.text for one in told for m in one.messages]
    (folder / "base").mkdir()
    small_base(folder / "base", [*said, *general_text(20_000, 7)])
    (folder / "r.yaml").write_text(RECIPE)
    write_conversations(folder / "c.jsonl", told)
    return shell, folder, added.out.strip()


@pytest.fixture
def quick(desk, monkeypatch):
    """The desk's shell is this process, and what is learnt is judged by little."""
    shell, _, key = desk
    monkeypatch.setenv("FINMODEL_HOME", str(shell.home))
    monkeypatch.setenv("FINMODEL_KEY", key)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("fine_tune.judging.assay.WRITTEN", 1)
    monkeypatch.setattr("serving.tuning.GENERAL", 2_000)
    monkeypatch.setattr("fine_tune.lessons.canaries.OTHERS", 31)


def test_conversations_in_a_file_become_a_registered_adapter(desk):
    shell, folder, key = desk
    words = ["tune", str(folder / "r.yaml"), "--conversations", str(folder / "c.jsonl"), "--json"]
    done = shell.finmodel(*words, key=key)
    assert done.code == 0, done.err
    told = done.json
    assert told["passed"]
    assert told["figures"]["tuned_perplexity"] < told["figures"]["base_perplexity"]
    assert "steps learnt" in done.err
    settings = Settings(home=shell.home, data=shell.home)
    (version,) = tracking.versions(settings, "scripts")
    assert version.version == told["version"] == 1
    (entry,) = scan(settings.audit, "adapter_tuned")
    assert (entry.body["by"], entry.body["base"]) == ("Lin", told["base"])
    (gate,) = scan(settings.audit, "gate")
    assert (gate.body["trained_by"], gate.body["passed"]) == ("Lin", True)
    assert "then a validator who is not Lin: finmodel promote scripts --version 1" in done.err


def test_what_comes_of_a_file_of_conversations_is_not_handed_on_as_what_may_be_kept(
    desk, quick, monkeypatch
):
    _, folder, _ = desk
    sources = []
    monkeypatch.setattr("fine_tune.tune.tune", lambda *given: sources.append(given[3]))
    (folder / "simulated.yaml").write_text(f"{RECIPE}simulated: 30\nseed: 9\n")
    tune(folder / "simulated.yaml", "", folder / "c.jsonl")
    tune(folder / "simulated.yaml")
    real, simulated = sources
    assert isinstance(real, Material)
    assert isinstance(simulated, Simulated)
    assert len(real.conversations) == 60
    assert simulated.make().conversations == tuple(conversations_of(None, 30, 9))


def test_the_shipped_base_says_that_it_is_a_stand_in(desk):
    shell, folder, key = desk
    words = ["--conversations", str(folder / "r.yaml")]
    done = shell.finmodel("tune", str(TINY), *words, key=key)
    assert done.code == 2
    assert "the tiny base is a stand-in: what it writes is for no customer" in done.err
    listed = {one["name"]: one for one in shell.finmodel("base", "list", "--json").json}
    assert listed["tiny"]["here"]
    assert "stand-in" in listed["tiny"]["licence"]


def test_a_launcher_starts_one_run_in_two_processes(desk):
    _, folder, _ = desk
    shell = Shell(folder / "second")
    key = shell.finmodel("people", "add", "Lin", "--role", "engineer").out.strip()
    recipe = RECIPE.replace("epochs: 1", "epochs: 0.2")
    (folder / "two.yaml").write_text(f"{recipe}packs: 2\ncanaries: 0\nprice_per_hour: 1\n")
    many = [one.conversation for one in write(90, seed=9)]
    willing = [one for one in many if one.consent_to_training]
    train, test = ([one for one in willing if one.split == part] for part in ("train", "test"))
    write_conversations(folder / "few.jsonl", [*train[:14], *test[:2]])
    words = ["tune", str(folder / "two.yaml"), "--conversations", str(folder / "few.jsonl")]
    words.append("--json")
    # --multi_gpu: what it decides itself where there are several.
    launcher = [str(FINMODEL.with_name("accelerate")), "launch", "--multi_gpu"]
    launcher += ["--num_processes", "2", "--main_process_port", "0", "--no_python"]
    told = {"FINMODEL_HOME": str(shell.home), "FINMODEL_KEY": key, "OMP_NUM_THREADS": "1"}
    env = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [*launcher, str(FINMODEL), *words],
        capture_output=True, text=True, check=False, env=env | told,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["version"] == 1
    figures = answer["figures"]
    settings = Settings(home=shell.home, data=shell.home)
    assert len(tracking.versions(settings, "scripts")) == 1
    assert figures["core_hours"] == pytest.approx(2 * figures["cost"]), "one core each for an hour"


def test_a_registered_adapter_is_exported_in_three_forms(desk, monkeypatch, capsys):
    shell, folder, key = desk
    monkeypatch.setenv("FINMODEL_HOME", str(shell.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("FINMODEL_KEY", raising=False)
    base = str(folder / "base")
    export("scripts", folder / "kept", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (folder / "kept" / "adapter_model.safetensors").exists()
    export("scripts", folder / "merged", "merged", base=base)
    assert open_base(folder / "merged").digest != told["base"] == open_base(folder / "base").digest
    export("scripts", folder / "a.gguf", "gguf", base=base)
    assert len(GGUFReader(folder / "a.gguf").tensors) == 14
    exports = list(scan(Settings(home=shell.home, data=shell.home).audit, "adapter_export"))
    assert [one.body["form"] for one in exports] == ["peft", "merged", "gguf"]
    assert {one.body["weights"] for one in exports} == {weights_digest(folder / "kept")}
    assert {(one.body["name"], one.body["version"], one.body["by"]) for one in exports} == {
        ("scripts", 1, "")
    }
    monkeypatch.setenv("FINMODEL_KEY", key)
    export("scripts", folder / "again")
    (*_, last) = scan(Settings(home=shell.home, data=shell.home).audit, "adapter_export")
    assert last.body["by"] == "Lin"
    for words, says in (
        ({"form": "onnx"}, "'onnx' is no form; write one of: peft"),
        ({"to": folder / "a.gguf"}, "it is there already"),
        ({"to": folder / "none" / "x"}, "no such folder"),
        ({"version": 9}, "there is no such model"),
        ({"form": "gguf"}, "is not on the shelf"),
        ({"form": "gguf", "base": str(folder / "merged")}, "the adapter belongs to another base"),
    ):
        with pytest.raises(BadInput, match=says):
            export("scripts", **{"to": folder / "x"} | words)
    assert not (folder / "x").exists()


def test_an_adapter_is_promoted_by_a_second_person_once_its_base_is_here(desk):
    shell, folder, key = desk
    open_here = Settings(home=shell.home, data=shell.home, key=key)
    theirs = People(open_here.people).add("Wei", frozenset({"validator"}))
    here = replace(open_here, key=theirs)

    def promote(settings, to="champion"):
        return promotion.promote(settings, "scripts", None, to, None, silent)

    with pytest.raises(Refused, match="Lin"):
        promote(open_here)
    with pytest.raises(Refused, match=r"an adapter for another base .* than those here"):
        promote(here)
    shelve(here.bases, "small", folder / "base")
    weights = folder / "base" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Refused, match="not those of when it was brought; put them back, or bring"):
        promote(here)
    weights.write_bytes(whole)
    with pytest.raises(BadInput, match="an adapter has no challenger"):
        promote(here, "challenger")
    with pytest.raises(BadInput, match="an adapter has no out-of-time part"):
        promotion.waive(here, "scripts", None, "why not")
    assert promote(here).version == 1
    base = open_base(folder / "base")
    served = served_adapter(here, "scripts")
    assert served.about.base == base.digest
    assert served.files[GGUF].startswith(b"GGUF")
    with pytest.raises(Refused, match="no champion before this one"):
        promotion.rollback(here, "scripts", "tried")


def test_audit_names_the_adapters_of_a_customer_and_none_of_who_did_not_consent(desk):
    shell, folder, _ = desk
    told = list(read_conversations(folder / "c.jsonl"))
    willing = {one.customer for one in told if one.consent_to_training}
    others = {one.customer for one in told} - willing
    here = Settings(home=shell.home, data=shell.home)
    trained = prepare(told, masked).customers
    assert trained <= willing
    assert trained
    assert others
    for customer in sorted(trained)[:3]:
        assert [one.version for one in taught_by(here, customer)] == [1]
    for customer in [*sorted(others)[:3], "nobody"]:
        assert taught_by(here, customer) == []
    asked = shell.finmodel("audit", "customer", min(trained), "--json")
    assert asked.code == 0, asked.err
    (found,) = asked.json
    (version,) = tracking.versions(here, "scripts")
    assert (found["adapter"], found["version"], found["trained"]) == ("scripts", 1, "yes")
    assert (found["run"], found["base"]) == (version.run_id, version.tags["base"])
    assert shell.finmodel("audit", "customer", min(others), "--json").json == []


def test_the_shipped_recipe_goes_all_the_way_where_the_stand_in_is_served(desk, quick, capsys):
    shell, folder, _ = desk
    text, cut = re.subn(r"(?m)^simulated: \d+", "simulated: 16", TINY.read_text())
    assert cut == 1
    (folder / "tiny.yaml").write_text(text)
    tune(folder / "tiny.yaml", json=True)
    told = json.loads(capsys.readouterr().out)
    name = told["name"]
    assert (name, told["passed"], told["reasons"]) == ("service_scripts_tiny", True, [])
    here = Settings(home=shell.home, data=shell.home)
    here = replace(here, key=People(here.people).add("Qiu", frozenset({"validator"})))
    for writer in ("", "small@champion", "http://127.0.0.1:9/v1"):
        with pytest.raises(Refused, match=r"shipped stand-in.*FINMODEL_WRITER=tiny@champion here"):
            promotion.promote(replace(here, writer=writer), name, None, "champion", None, silent)
    assert not (here.adapters / name).exists()
    tried = replace(here, writer="tiny@champion")
    assert promotion.promote(tried, name, None, "champion", None, silent).version == 1
    assert "what it writes is for no customer" in capsys.readouterr().err
    with open_signed_writer(tried, tried.writer) as writer:
        assert writer.adapter == f"{name}/1"


def test_a_base_in_four_bits_teaches_an_adapter_that_is_registered(
    desk, quick, capsys, monkeypatch
):
    shell, folder, _ = desk
    kinds = set()

    def seen(*given):
        model = load_base(*given)
        kinds.update(type(one).__name__ for one in model.modules())
        return model

    monkeypatch.setattr("fine_tune.tune.load_base", seen)
    recipe = RECIPE.replace("name: scripts", "name: four_bits") + "quantised: nf4\ncanaries: 0\n"
    (folder / "bits.yaml").write_text(recipe)
    few = [one for one in read_conversations(folder / "c.jsonl") if one.consent_to_training]
    train, test = ([one for one in few if one.split == part] for part in ("train", "test"))
    write_conversations(folder / "bits.jsonl", [*train[:12], *test[:2]])
    tune(folder / "bits.yaml", "", folder / "bits.jsonl", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == 1
    assert "Linear4bit" in kinds
    figures = told["figures"]
    assert figures["tuned_perplexity"] < figures["base_perplexity"]
    here = Settings(home=shell.home, data=shell.home)
    (version,) = tracking.versions(here, "four_bits")
    assert version.tags["base"] == told["base"] == open_base(folder / "base").digest
    export("four_bits", folder / "bits_out", json=True)
    assert (folder / "bits_out" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.yaml",), "no such file"),
        (("{0}/r.yaml", "--base", "{0}/none"), "none: no such directory; name a base's directory"),
        (("{0}/r.yaml",), "--conversations: no conversations are named"),
        (("{0}/r.yaml", "--conversations", "{0}/r.yaml"), "neither .jsonl nor .csv"),
        (("{0}/r.yaml", "--conversations", "{0}/e.jsonl"), "no conversation is left to train on"),
        (("{0}/r.yaml", "--conversations", "{0}/0.jsonl"), "0.jsonl: it holds no conversation"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_made(desk, words, says):
    shell, folder, key = desk
    unwilling = msgspec.structs.replace(
        next(write(3, seed=1)).conversation, consent_to_training=False
    )
    write_conversations(folder / "e.jsonl", [unwilling])
    (folder / "0.jsonl").write_text("\n")
    done = shell.finmodel("tune", *(word.format(folder) for word in words), key=key)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_who_asked_to_be_erased_teaches_nothing(desk):
    shell, folder, key = desk
    here = Settings(home=shell.home, data=shell.home)
    willing = msgspec.structs.replace(
        next(write(3, seed=1)).conversation, consent_to_training=True, customer="u-restricted"
    )
    write_conversations(folder / "w.jsonl", [willing])
    with closing(Vault(here.vault)) as vault, closing(RestrictionBook(here, vault)) as book:
        book.restrict(Restriction("u-restricted", datetime(2026, 6, 1, tzinfo=UTC)))
    words = ("tune", str(folder / "r.yaml"), "--conversations", str(folder / "w.jsonl"))
    done = shell.finmodel(*words, key=key)
    assert done.code == 2
    assert "no conversation is left to train on" in done.err
    assert "1 conversations left out: erasure was asked for" in done.err


PREFERENCE = """
canaries: 0
preference: {loss: dpo, agreement: 0}
"""


def test_verdicts_in_a_file_become_an_adapter_that_learnt_pairs(desk, quick, capsys):
    shell, folder, _ = desk
    (folder / "p.yaml").write_text(RECIPE.replace("scripts", "preferred") + PREFERENCE)
    told = list(read_conversations(folder / "c.jsonl"))
    few = [one for one in told if one.split == "test" or not one.consent_to_training]
    write_verdicts(folder / "v.jsonl", judge([*told[:9], *few[-9:]], seed=3))
    tune(folder / "p.yaml", "", folder / "c.jsonl", folder / "v.jsonl", json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["figures"]["heldout_pairs"] > 0
    assert answer["left_out"]["a verdict without consent to training"] > 0
    (entry, *_) = tracking.versions(Settings(home=shell.home, data=shell.home), "preferred")
    assert entry.tags["start"] == ""


@pytest.mark.parametrize(
    ("recipe", "conversations", "verdicts", "says"),
    [
        ("", None, "v.jsonl", "--conversations: verdicts are of conversations, and none are named"),
        (PREFERENCE, "c.jsonl", None, "--verdicts: this recipe learns from verdicts, and none"),
        ("preference: {los: dpo}", "c.jsonl", "v.jsonl", "unknown key 'los'"),
    ],
)
def test_verdicts_and_conversations_come_together(desk, recipe, conversations, verdicts, says):
    _, folder, _ = desk
    (folder / "q.yaml").write_text(RECIPE + recipe)
    files = [None if name is None else folder / name for name in (conversations, verdicts)]
    with pytest.raises(BadInput, match=says):
        tune(folder / "q.yaml", "", *files)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "line 1: it is not UTF-8 text"),
        (b"{}", "object missing required field"),
        (b'{"id": "v", "conversation": "x", "after": "1", "at": "2026-06-03T09:00:00+08:00",'
         b' "verdict": "rejected", "suggestion": "a"}', "its conversation 'x' is not among those"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_verdicts_is_told(desk, monkeypatch, content, says):
    shell, folder, key = desk
    monkeypatch.setenv("FINMODEL_HOME", str(shell.home))
    monkeypatch.setenv("FINMODEL_KEY", key)
    (folder / "p2.yaml").write_text(RECIPE + PREFERENCE)
    (folder / "w.jsonl").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        tune(folder / "p2.yaml", "", folder / "c.jsonl", folder / "w.jsonl")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("tune", ("engineer's or an analyst's: FINMODEL_KEY", "`split: test`")),
        ("evaluate", ("no adapter learnt", "`split: test`", "needs no key")),
        ("export", ("no key is asked for", "audit log")),
        ("promote", ("a model or an adapter", "who did not train it: FINMODEL_KEY")),
        ("rollback", ("a model or an adapter", "A validator's: FINMODEL_KEY")),
        ("retire", ("a model or an adapter", "A validator's: FINMODEL_KEY")),
        ("withdraw", ("A validator's: FINMODEL_KEY",)),
    ],
)
def test_a_commands_help_says_who_may_and_of_what(command, says):
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    shown = " ".join(told.split())
    assert [one for one in says if one not in shown] == []


def test_without_a_key_nobody_tunes(desk):
    shell, folder, _ = desk
    assert "FINMODEL_KEY" in shell.finmodel("tune", str(folder / "r.yaml")).err


def test_only_who_is_learnt_from_asks_in_the_further_families():
    plain, more = (list(conversations_of(None, 300, 4, further)) for further in (False, True))
    assert [one for one in plain if one.split != "train"] == [
        one for one in more if one.split != "train"
    ]
    before, after = (
        {said.family for one in told for said in one.messages if one.split == "train"}
        for told in (plain, more)
    )
    assert len(after - before) > len(before) // 4


def test_a_conversations_personal_data_are_masked_alike_and_its_slots_stay():
    texts = ["我叫张伟，手机13812345678", "张先生，13812345678对吗？请在{due_date}前还{amount_due}"]
    first, second = masked(texts)
    assert "13812345678" not in first + second
    assert "张伟" not in first
    assert "[手机号1]" in first
    assert "[手机号1]" in second
    assert "{due_date}前还{amount_due}" in second
    assert json.dumps(masked(texts)) == json.dumps([first, second])
