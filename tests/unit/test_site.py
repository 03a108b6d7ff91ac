"""The site is built from the documents without a warning, is whole, and asks nothing of the network."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.config import load_config

from chatkit_pgstore import BufferedStore, PostgresStore
from chatkit_pgstore._tables import metadata
from chatkit_pgstore.attachments import FileAttachments, Files
from chatkit_pgstore.testing import MemoryStore
from tests.unit.test_documents import DOCS, PAGES, anchors, path_of

CHECKOUT = Path(__file__).parents[2]
CONFIGURATION = CHECKOUT / "mkdocs.yml"
OUTSIDE_DOCS = {"README.md": "readme", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
MODULES = ["", ".responses", ".buffered", ".testing", ".operations", ".attachments", ".alembic", ".errors"]
# What a browser fetches by itself; a link that somebody may follow is another matter.
FETCHED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
}
# Written by others: the SDK's error, SQLAlchemy's object, a text.
WITHOUT_AN_ENTRY = {"NotFoundError", "metadata", "__version__"}


class Elements(HTMLParser):
    """Collects a page's elements with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    @property
    def ids(self):
        return {attributes["id"] for _, attributes in self.found if "id" in attributes}

    @property
    def links(self):
        return [attributes["href"] for tag, attributes in self.found if tag == "a" and attributes.get("href")]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The site's folder, and how it was built; no proxy leads anywhere."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    finished = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=CHECKOUT,
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, finished


@pytest.fixture(scope="module")
def site(build):
    return build[0]


@pytest.fixture(scope="module")
def built(site):
    """Every page of the site, parsed."""
    return {path: Elements(path.read_text()) for path in sorted(site.rglob("*.html"))}


def page_of_the_site(site, page):
    """Return what is made of a document."""
    if page.parent == CHECKOUT:
        return site / f"{OUTSIDE_DOCS[page.name]}.html"
    name = "index" if page.stem == "README" else page.stem
    return site / page.relative_to(DOCS).with_name(f"{name}.html")


def leaves(navigation):
    """Yield the pages of a navigation, sections and titles aside."""
    for entry in navigation:
        inner = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from leaves(inner) if isinstance(inner, list) else [inner]


def is_elsewhere(address):
    return bool(urlsplit(address).netloc)


def test_it_is_built_without_a_warning(build):
    _, finished = build
    assert finished.returncode == 0, finished.stderr
    assert "WARNING" not in finished.stderr


def test_every_page_is_in_the_navigation_once():
    pages = [path_of(page).removeprefix("docs/") for page in DOCS.rglob("*.md")]
    listed = Counter(leaves(load_config(str(CONFIGURATION)).nav))
    assert listed == Counter([*pages, *(f"{name}.md" for name in OUTSIDE_DOCS.values())])


def test_a_page_has_the_anchors_that_a_forge_gives_it(built, site):
    missing = {path_of(page): anchors(page) - built[page_of_the_site(site, page)].ids for page in PAGES}
    assert {page: names for page, names in missing.items() if names} == {}


def test_every_link_leads_somewhere(built, site):
    broken = [
        (path.name, link)
        for path, elements in built.items()
        for link in elements.links
        if not urlsplit(link).scheme and not leads_somewhere(path, link, built, site)
    ]
    assert broken == []


def leads_somewhere(path, link, built, site):
    address = urlsplit(link)
    target = site / address.path[1:] if address.path.startswith("/") else path.parent / unquote(address.path)
    target = path if not address.path else Path(os.path.normpath(target))
    target = target / "index.html" if target.is_dir() else target
    if target.suffix != ".html" or not address.fragment:
        return target.is_file()
    return target in built and unquote(address.fragment) in built[target].ids


def test_no_page_fetches_anything_from_elsewhere(built):
    fetched = [
        (path.name, tag, attributes[FETCHED[tag]])
        for path, elements in built.items()
        for tag, attributes in elements.found
        if is_elsewhere(attributes.get(FETCHED.get(tag, ""), "") or "")
    ]
    assert fetched == []


def test_no_style_does_either(site):
    addresses = [
        address for style in site.rglob("*.css") for address in re.findall(r"url\(([^)]+)\)", style.read_text())
    ]
    assert [address for address in addresses if is_elsewhere(address.strip("\"'"))] == []


def test_no_diagram_is_left_to_a_script_from_elsewhere(built):
    classes = {
        name
        for page in built.values()
        for _, attributes in page.found
        for name in (attributes.get("class") or "").split()
    }
    assert "mermaid" not in classes


def test_the_diagram_of_the_tables_is_drawn(site):
    drawings = "".join(re.findall(r"<svg.*?</svg>", (site / "reference" / "tables.html").read_text(), re.DOTALL))
    assert [name for name in metadata.tables if name not in drawings] == []


def test_a_pipe_in_the_code_of_a_table_is_a_pipe(site):
    cells = "".join(re.findall(r"<td>.*?</td>", (site / "reference" / "api.html").read_text()))
    assert "|" in "".join(re.findall(r"<code>(.*?)</code>", cells))
    assert r"\|" not in cells


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_an_entry(module, built, site):
    path = f"chatkit_pgstore{module}"
    names = set(import_module(path).__all__) - WITHOUT_AN_ENTRY
    ids = built[site / "reference" / "python.html"].ids
    # What can be imported from the package itself stands there.
    assert {name for name in names if not {f"{path}.{name}", f"chatkit_pgstore.{name}"} & ids} == set()


@pytest.mark.parametrize("owner", [PostgresStore, BufferedStore, FileAttachments, Files, MemoryStore])
def test_every_method_has_an_entry(owner, built, site):
    classes = [each for each in owner.__mro__ if each.__module__.startswith("chatkit_pgstore.")]
    methods = {name for each in classes for name, value in vars(each).items() if callable(value) and name[0] != "_"}
    entries = built[site / "reference" / "python.html"].ids
    listed = {entry.rpartition(".")[2] for entry in entries if f".{owner.__name__}." in entry}
    assert methods - listed == set()


def test_an_example_in_a_docstring_is_a_block_of_code(site):
    text = re.sub(r"</?span[^>]*>", "", (site / "reference" / "python.html").read_text())
    assert "add_feedback = keep_feedback" in "".join(re.findall(r"<pre>.*?</pre>", text, re.DOTALL))
    assert "::</p>" not in text


def test_no_private_name_has_an_entry(built, site):
    ids = built[site / "reference" / "python.html"].ids
    assert [entry for entry in ids if entry.startswith("chatkit_pgstore") and "._" in entry] == []


def test_every_page_can_be_searched_for(site):
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    expected = {str(page_of_the_site(site, page).relative_to(site)) for page in PAGES}
    assert expected <= {location or "index.html" for location in found}
