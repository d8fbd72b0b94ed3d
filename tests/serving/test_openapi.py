"""The document against the service: schemathesis sends what it allows, and what it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from finmodel.records import ROLES
from serving.access import People
from serving.openapi import document
from serving.routes import ROUTES
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers
LEFT_OUT = ("/session", "/audit/chain")
"""A password is hashed slowly on purpose, and no document knows a right one; each check of a chain
starts a process, and none of them reads a word that was sent."""


def test_the_service_does_what_its_document_says(service, client, world, tmp_path):
    """No 500; only documented statuses, types and shapes; what is allowed passes, the rest not."""
    key = People(world.settings.people).add("everybody", ROLES)
    decision = client.post("/decide", json=APPLICATION, headers=world.headers("underwriter")).json()
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.decision_id" = "{decision["decision_id"]}"\n')
    done = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            *("--config-file", config, "run", f"{service}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}", "--checks", "all", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"),
            *("--generation-deterministic", "--max-examples", "40"),
            *(word for path in LEFT_OUT for word in ("--exclude-path", path)),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fuzz_hooks.py"))},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    asked = [one for one in ROUTES if one.doc is not None and one.rule.path not in LEFT_OUT]
    documented = len(asked)
    assert documented >= 24
    assert f"Tested: {documented}" in done.stdout
    assert f"{documented} passed" in done.stdout.partition("Fuzzing")[2]
    People(world.settings.people).revoke("everybody")


def test_the_document_is_of_all_routes_that_are_not_pages(client):
    told = client.get("/openapi.json").json()
    documented = {(method.upper(), path) for path, ops in told["paths"].items() for method in ops}
    wanted = {(r.rule.method, r.rule.path) for r in ROUTES if r.doc is not None}
    assert documented == wanted
    assert {"/decide", "/score", "/explain/{decision_id}"} <= set(told["paths"])


def test_ids_are_of_the_served_models_type(client):
    told = client.get("/openapi.json").json()["components"]["schemas"]
    assert told["Application"]["properties"]["customer_id"]["type"] == "integer"
    assert told["ScoreRequest"]["properties"]["customer_ids"]["items"]["type"] == "integer"
    unserved = document([(r.rule, r.doc) for r in ROUTES if r.doc is not None], None)
    types = unserved["components"]["schemas"]["Application"]["properties"]["customer_id"]["anyOf"]
    assert [one["type"] for one in types] == ["integer", "string"]


def test_roles_are_told(client):
    told = client.get("/openapi.json").json()["paths"]
    assert "underwriter" in told["/decide"]["post"]["description"]
    assert told["/status"]["get"]["security"] == []
    assert APPLICATION.keys() <= set(
        client.get("/openapi.json").json()["components"]["schemas"]["Application"]["properties"]
    )
