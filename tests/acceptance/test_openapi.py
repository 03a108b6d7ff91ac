"""What the app says of its API is complete, and true of whatever schemathesis thinks of."""

import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import jwt
import pytest

from tests.acceptance.support import App
from tests.acceptance.tokens import claims
from tests.support.shared import shared_database

EXAMPLES_OF_EACH = 25
PATIENCE_SECONDS = 400


@pytest.fixture(scope="module")
def app(server_url, template_database) -> Iterator[App]:
    with (
        shared_database(server_url, template_database) as url,
        App(DATABASE_URL=url, CHATKIT_DEVELOPMENT_SIGN_IN="on") as app,
    ):
        yield app


@pytest.fixture(scope="module")
def description(app) -> dict:
    return httpx.get(f"{app.address}/api/openapi.json").raise_for_status().json()


def operations(description):
    return [(path, method, told) for path, methods in description["paths"].items() for method, told in methods.items()]


def test_every_address_for_other_programs_is_described_with_its_errors(description):
    api = [(path, method) for path, method, _ in operations(description) if path.startswith("/api/")]
    assert api == [
        ("/api/conversations", "post"),
        ("/api/conversations", "get"),
        ("/api/conversations/{conversation_id}/messages", "post"),
        ("/api/conversations/{conversation_id}/messages", "get"),
        ("/api/conversations/{conversation_id}/feedback", "get"),
    ]
    for path, method, told in operations(description):
        errors = {status: answer for status, answer in told["responses"].items() if int(status) >= 400}
        described = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        assert all(answer["content"] == described for status, answer in errors.items() if status != "413")
        if path.startswith("/api/"):
            assert {"401", "422", "500", "503"} <= set(errors)
            assert told["security"] == [{"HTTPBearer": []}]
            assert ("404" in errors) == ("{" in path or method == "get")
    assert description["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_no_page_loads_its_scripts_from_elsewhere(app):
    for path in ("/docs", "/redoc"):
        assert httpx.get(app.address + path).status_code == HTTPStatus.NOT_FOUND


def test_schemathesis_finds_nothing(app, description, tmp_path):
    token = jwt.encode(claims(), App.SECRET, "HS256")
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{app.address}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--checks", "all", "--max-examples", str(EXAMPLES_OF_EACH)),
        # The same requests each time.
        *("--generation-deterministic", "--no-color", "--warnings", "off"),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Tested: {len(operations(description))}" in run.stdout
    assert "Traceback" not in app.log
