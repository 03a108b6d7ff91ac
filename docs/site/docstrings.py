"""Turns reStructuredText's ``::`` before an example into what Markdown makes of it: a colon, and an indented block."""

import re

import griffe
from typing_extensions import override

AFTER_WORDS = re.compile(r"(?<=\S)::$", re.MULTILINE)
ALONE = re.compile(r"^::\n\n", re.MULTILINE)


class Examples(griffe.Extension):
    """Does it in every docstring."""

    @override
    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        if obj.docstring:
            obj.docstring.value = AFTER_WORDS.sub(":", ALONE.sub("", obj.docstring.value))
