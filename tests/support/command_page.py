"""Writes the page of the command from the command itself: ``python -m tests.support.command_page``."""

from pathlib import Path
from typing import get_args

import typer

from chatkit_pgstore._settings import Pooler
from chatkit_pgstore.cli._app import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command.md"
BEGINNING = """\
# Command line

`chatkit-pgstore` comes with the extra `cli`: `pip install "chatkit-pgstore[cli]"`. This page is written from the
command itself, by `make golden`. [API](api.md#the-command) has its exit codes, and tells what goes to which output.
"""
CHOICES = {"--pooler": "|".join(get_args(Pooler))}


def commands():
    """Return the commands by their names."""
    return typer.main.get_command(app).commands


def page() -> str:
    return "\n".join([BEGINNING, *(part for name, command in commands().items() for part in section(name, command))])


def options_of(command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def section(name, command):
    """Yield the part about one command: what it does, and each of its parameters."""
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    yield f"## chatkit-pgstore {name}\n\n{command.help}\n\n| | |\n|---|---|"
    yield from (f"| `{written(parameter)}` | {meaning(parameter)} |" for parameter in parameters)
    yield ""


def written(parameter) -> str:
    """Return how a parameter is given: ``--user ID``, ``--json``, ``FILE``."""
    value = CHOICES.get(parameter.opts[0]) or parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return value.strip("[]")
    shown = parameter.opts[0] if parameter.is_flag else f"{parameter.opts[0]} {value}"
    return shown.replace("|", r"\|")


def meaning(parameter) -> str:
    words = [parameter.help or ""]
    if parameter.required:
        words.append("Has to be given.")
    if parameter.envvar:
        words.append(f"Else the environment variable `{parameter.envvar}`.")
    if isinstance(parameter.default, str):
        words.append(f"Default: `{parameter.default}`.")
    return " ".join(words)


if __name__ == "__main__":
    PAGE.write_text(page())
