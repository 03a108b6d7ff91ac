"""Texts and values that stores have been seen to lose, cut or change."""

from datetime import UTC, timedelta, timezone
from typing import Any

AWKWARD_TEXTS = {
    "empty": "",
    "blank": " \t\r\n ",
    "emoji": "👩🏽‍🚀 🏴󠁧󠁢󠁷󠁬󠁳󠁿 🇺🇳",
    "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd \u0639\u0644\u064a\u0643\u0645\u202c",
    "combining": "e\u0301 é Z\u0351\u036b\u0343 가",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufdd0",
    "controls": "\x01\x1b[31m\x7f\x85\u2028\u2029",
    "quotes": "'\"`\u00b4\\ \\' \\\" \\n \\u0000 ''",
    "placeholders": "%s %(name)s %% $1 :name ? {0} {name} @p",
    "sql": "'; DROP TABLE chatkit_threads; --",
    "json": '{"a": [null, true, 1e400]}',
    "html": "<script>alert(1)</script>&amp;&#0;",
    "one megabyte": "añ漢😀" * 100_000,
}

NUL_TEXTS = {"alone": "\0", "between": "a\0b", "escaped": "\\u0000\0\\0", "many": "\0" * 1000}

LONE_SURROGATES = {"high": "a\ud800b", "low": "a\udc00b", "swapped": "\udc00\ud800"}


def nested(depth: int) -> Any:
    """Return lists and objects within each other, *depth* deep."""
    value: Any = "innermost"
    for level in range(depth):
        value = {"level": value} if level % 2 else [value]
    return value


AWKWARD_VALUES: dict[str, Any] = {
    "nothing": None,
    "nulls": {"a": None, "b": [None, {"c": None}]},
    "false and zero": [False, 0, 0.0, "", [], {}],
    "numbers": [1, 1.0, True, 0.1, -1e-7, 2**53 - 1, -(2**53)],
    "keys": {"": 1, "a.b": 2, "$ref": 3, "__proto__": 4, "ключ 🔑": 5, "'": 6, '"': 7, "a b": 8},
}

EXACT_NUMBERS = [2**63, -(2**63) - 1, 1234567890123456789012345, -(10**60), -0.0, 5e-324, 1.7976931348623157e308]

OFFSETS_FROM_UTC = {
    "none": UTC,
    "east": timezone(timedelta(hours=5, minutes=45)),
    "west": timezone(-timedelta(hours=8)),
}
