"""The documents that each release of the SDK wrote, as they are kept in the repository.

One file per release. A document that an earlier release wrote in the same way is kept as the number of that release,
so that a file shows what its release changed.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "sdk_documents"

KINDS = ("threads", "items", "attachments")

Documents = dict[str, dict[str, Any]]
"""By kind and by the name of its sample: a document, parsed."""


def order_of(release: str) -> tuple[int, ...]:
    """Return what releases are sorted by."""
    return tuple(int(number) for number in release.split("."))


def kept_releases() -> list[str]:
    """Return the releases whose documents are kept, oldest first."""
    return sorted((path.stem for path in FOLDER.glob("*.json")), key=order_of)


def load_all() -> dict[str, Documents]:
    """Return the documents of every release that are kept, oldest first."""
    return {release: load(release) for release in kept_releases()}


def load(release: str) -> Documents:
    """Return the documents that *release* wrote."""
    kept = _kept(release)
    return {
        kind: {
            name: _kept(document)[kind][name] if isinstance(document, str) else document
            for name, document in kept[kind].items()
        }
        for kind in KINDS
    }


def save_all(written: dict[str, Documents]) -> list[str]:
    """Keep the documents of every release, given oldest first; return the releases with other files than before."""
    first: dict[tuple[str, str, str], str] = {}
    changed = []
    for release, documents in written.items():
        kept = {kind: _shortened(kind, documents[kind], release, first) for kind in KINDS}
        path = FOLDER / f"{release}.json"
        text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(release)
    return changed


def text_of(document: Any) -> str:
    """Return *document* as it stands in a table: on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _kept(release: str) -> Documents:
    kept: Documents = json.loads((FOLDER / f"{release}.json").read_text())
    return kept


def _shortened(
    kind: str, documents: dict[str, Any], release: str, first: dict[tuple[str, str, str], str]
) -> dict[str, Any]:
    """Return *documents*, each of which an earlier release wrote too as the number of the first that did."""
    shortened = {}
    for name, document in documents.items():
        writer = first.setdefault((kind, name, text_of(document)), release)
        shortened[name] = document if writer == release else writer
    return shortened
