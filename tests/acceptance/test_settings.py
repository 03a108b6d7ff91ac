"""What the app is told by its environment; what cannot be is said before anything starts."""

import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from examples.fastapi_app.settings import VARIABLES, Settings, SettingsError
from tests.acceptance.support import APP, DEMO

GO_LIVE = Path(__file__).parents[2] / "docs" / "how-to" / "go-live.md"
SECRET = "0123456789abcdef0123456789abcdef"
WHOLE = {
    "DATABASE_URL": "postgresql://somebody@host/name",
    "CHATKIT_JWT_SECRET": SECRET,
    "CHATKIT_FILES_SECRET": SECRET,
}


def test_every_setting_has_a_variable_but_the_pace_of_the_script():
    names = {variable.setting for variable in VARIABLES.values()}
    assert names == {field.name for field in fields(Settings)} - {"pace_seconds"}


def test_the_table_of_the_documents_is_that_of_the_code():
    told = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GO_LIVE.read_text(), re.MULTILINE)
    defaults = {field.name: field.default for field in fields(Settings)}
    expected = [(name, default_in_words(defaults[variable.setting])) for name, variable in VARIABLES.items()]
    assert told == expected


def default_in_words(default):
    if default is MISSING:
        return "required"
    return {None: "not set", False: "`off`"}.get(default, f"`{default}`")


def test_an_empty_variable_is_one_that_is_not_set():
    settings = Settings.from_environment(WHOLE | {"CHATKIT_JWKS_URL": "", "OPENAI_API_KEY": "", "CHATKIT_JOURNAL": ""})
    assert settings == Settings.from_environment(WHOLE)
    assert (settings.jwks_url, settings.openai_api_key, settings.journal) == (None, None, None)


def test_no_secret_is_in_the_text_of_the_settings():
    shown = repr(Settings.from_environment(WHOLE | {"OPENAI_API_KEY": "sk-quokka"}))
    assert SECRET not in shown
    assert "quokka" not in shown
    assert "somebody" not in shown


WRONG = {
    "no database": ({"DATABASE_URL": ""}, "DATABASE_URL"),
    "no secret for files": ({"CHATKIT_FILES_SECRET": ""}, "CHATKIT_FILES_SECRET"),
    "nobody to believe": ({"CHATKIT_JWT_SECRET": ""}, "CHATKIT_JWT_SECRET or CHATKIT_JWKS_URL"),
    "two to believe": ({"CHATKIT_JWKS_URL": "https://a.example/keys"}, "CHATKIT_JWT_SECRET or CHATKIT_JWKS_URL"),
    "short secret": ({"CHATKIT_JWT_SECRET": "x" * 31}, "32 bytes"),
    "short secret for files": ({"CHATKIT_FILES_SECRET": "x" * 31}, "32 bytes"),
    "keys in a file": ({"CHATKIT_JWT_SECRET": "", "CHATKIT_JWKS_URL": "file:///keys"}, "http or https"),
    "a switch that is none": ({"CHATKIT_DEVELOPMENT_SIGN_IN": "yes"}, "on or off"),
    "development beside a service": (
        {"CHATKIT_JWT_SECRET": "", "CHATKIT_JWKS_URL": "https://a.example", "CHATKIT_DEVELOPMENT_SIGN_IN": "on"},
        "CHATKIT_DEVELOPMENT_SIGN_IN",
    ),
    "another API": ({"OPENAI_API": "completions"}, "responses or chat_completions"),
    "an address that is none": ({"CHATKIT_PUBLIC_URL": "chat.example.com"}, "CHATKIT_PUBLIC_URL"),
    "a broken address": ({"CHATKIT_PUBLIC_URL": "http://[chat"}, "CHATKIT_PUBLIC_URL"),
}


@pytest.mark.parametrize(("changed", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_said(changed, told):
    with pytest.raises(SettingsError, match=told):
        Settings.from_environment(WHOLE | changed)


@pytest.mark.parametrize("files", ["quokka://bucket", "/dev/null/files"])
def test_a_place_that_keeps_no_files_is_said_to_be_none(files):
    settings = Settings.from_environment(WHOLE | {"CHATKIT_FILES": files})
    with pytest.raises(SettingsError, match="CHATKIT_FILES"):
        settings.kept_files()


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"CHATKIT_JWT_SECRET": "x"}, "CHATKIT_JWT_SECRET"), ({"DATABASE_URL": "mysql://host/name"}, "mysql")],
)
def test_an_app_that_cannot_be_does_not_start_and_says_why_in_a_line(changed, told):
    command = [sys.executable, "-m", "uvicorn", "--factory", APP, "--port", "0"]
    run = subprocess.run(
        command, cwd=DEMO.parent, env=WHOLE | changed, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 1
    [line] = [line for line in (run.stdout + run.stderr).splitlines() if told in line]
    assert "Traceback" not in run.stderr
    assert SECRET not in line
