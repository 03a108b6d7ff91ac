"""Which document is expected to be repaired or left out, when which release reads it.

Every other one is expected to come back equal, or without fields that its reader does not know.
"""

from dataclasses import dataclass

from tests.sdk_matrix.documents import order_of
from tests.sdk_matrix.outcomes import EQUAL, LEFT_OUT, REDUCED, REPAIRED
from tests.sdk_matrix.samples import ICONS

EVER = ("0", "999")


@dataclass(frozen=True)
class Difference:
    """What becomes of some documents.

    Attributes:
        names: Of their samples.
        outcome: Repaired or left out.
        read: The first release that reads them so, and the first that no longer does.
        written: The same of the releases that wrote them.
        reason: Why, in words for the documentation.
    """

    names: tuple[str, ...]
    outcome: str
    reason: str
    read: tuple[str, str] = EVER
    written: tuple[str, str] = EVER

    def covers(self, name: str, reader: str, writer: str) -> bool:
        """Tell whether the document *name* of *writer*, read by *reader*, is one of those."""
        return name in self.names and _is_within(reader, self.read) and _is_within(writer, self.written)


def _is_within(release: str, bounds: tuple[str, str]) -> bool:
    first, end = (order_of(each) for each in bounds)
    return first <= order_of(release) < end


def _with_icon(kind: str) -> tuple[str, ...]:
    assert kind in ICONS
    return tuple(f"{holder} with a {kind} icon" for holder in ("task", "summary", "entity"))


EXPECTED = [
    Difference(_with_icon("free"), REPAIRED, "icons were any text", read=("1.1.0", "999")),
    Difference(_with_icon("new"), REPAIRED, "the icon is not in its list", read=("1.1.0", "1.4.1")),
    Difference(_with_icon("Lucide"), REPAIRED, "Lucide's icons came with 1.5.2", read=("1.1.0", "1.5.2")),
    Difference(("Button with icons of Lucide",), REPAIRED, "Lucide's icons came with 1.5.2", read=("0", "1.4.0")),
    Difference(
        ("card with an icon of Lucide",),
        REPAIRED,
        "Lucide's icons came with 1.5.2",
        read=("0", "1.4.0"),
        written=("1.5.2", "999"),
    ),
    Difference(("Icon of Lucide",), LEFT_OUT, "an Icon has nothing but its icon", read=("0", "1.4.0")),
    Difference(("Icon named by its vendor",), LEFT_OUT, "an Icon has nothing but its icon", read=("0", "1.1.2")),
    Difference(
        ("Checkbox", "Checkbox that is true as text"),
        REPAIRED,
        "defaultChecked was text",
        read=("0", "1.3.0"),
        written=("1.3.0", "999"),
    ),
    Difference(
        ("Checkbox that is true as text",),
        REPAIRED,
        "defaultChecked was text",
        read=("1.3.0", "1.4.0"),
        written=("0", "1.3.0"),
    ),
    Difference(
        ("Checkbox that is checked as text",), REPAIRED, "defaultChecked became a bool", read=("1.3.0", "1.4.0")
    ),
    Difference(
        ("user message", "file to be uploaded", "image to be uploaded"),
        REPAIRED,
        "upload_url became upload_descriptor",
        read=("1.5.0", "999"),
        written=("0", "1.5.0"),
    ),
    Difference(
        ("user message", "image to be uploaded"),
        REPAIRED,
        "upload_url became upload_descriptor",
        read=("0", "1.5.0"),
        written=("1.5.0", "999"),
    ),
    Difference(("Unheard",), LEFT_OUT, "components were a closed list", read=("0", "1.4.0")),
    Difference(("basic widget",), LEFT_OUT, "a root was a Card or a ListView", read=("0", "1.6.1")),
    Difference(("hidden context of the SDK",), LEFT_OUT, "the type came with 1.4.0", read=("0", "1.4.0")),
    Difference(("generated image", "image being generated"), LEFT_OUT, "the type came with 1.4.1", read=("0", "1.4.1")),
    Difference(
        tuple(f"{status} structured input" for status in ("pending", "answered", "skipped")),
        LEFT_OUT,
        "the type came with 1.6.4",
        read=("0", "1.6.4"),
    ),
]


def expected_outcomes(name: str, reader: str, writer: str) -> tuple[str, ...]:
    """Return the outcomes that are right for the document *name* of *writer*, read by *reader*."""
    listed = {each.outcome for each in EXPECTED if each.covers(name, reader, writer)}
    return tuple(listed) or (EQUAL, REDUCED)
