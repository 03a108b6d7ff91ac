"""``90d`` and the like."""

import re
from datetime import timedelta

import typer

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """Return the time that a number with a unit stands for.

    Raises:
        typer.BadParameter: It stands for none, or for one that reaches back further than dates do.
    """
    parts = re.fullmatch(r"([0-9]+)([mhdw])", text)
    if parts is None:
        raise typer.BadParameter(f"{text!r} is not a number with one of the units m, h, d and w, as in 90d")
    try:
        found = timedelta(**{UNITS[parts[2]]: int(parts[1])})
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} is longer than dates reach back") from error
    if not found:
        raise typer.BadParameter(f"{text!r} would purge what is in use")
    return found
