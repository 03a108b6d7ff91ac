"""Brings onto the site what pages link to outside docs/: the README and its like as pages, sources as listings.

A page says ``../README.md`` and ``../../examples/demo.py``, as a forge and a checkout want it. On the site such a link
leads to the page that is made of that file.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typing_extensions import override

CHECKOUT = Path(__file__).parents[2]
PAGES = {"README.md": "readme.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"\]\(([^)\s#]+)")
LANGUAGES = {".py": "python", ".js": "javascript", ".html": "html", ".css": "css", ".yaml": "yaml", ".sql": "sql"}
LEFT_OUT_OF_SEARCH = "---\nsearch:\n  exclude: true\n---\n"
# Longer than any fence in a file.
FENCE = "~" * 8
# After links are found (20), and before MkDocs resolves and checks them (0).
PRIORITY = 1


class Links(Treeprocessor):
    """Turns links to files of the checkout into links to their pages."""

    def __init__(self) -> None:
        super().__init__()
        self.uris: dict[str, str] = {}
        """Pages, by the path in the checkout of what they are made of."""
        self.page = ""
        """The page that is being made."""

    @override
    def run(self, root: Element) -> None:
        for element in root.iter():
            for attribute in {"href", "src"} & set(element.attrib):
                element.set(attribute, self.on_the_site(element.attrib[attribute]))

    def on_the_site(self, link: str) -> str:
        """Return where a link of the page leads on the site; what is none of ours as it is."""
        parts = urlsplit(link)
        if parts.scheme or not parts.path:
            return link
        uri = self.uris.get(normpath(join(dirname(self._path_of_page()), parts.path)))
        return link if uri is None else parts._replace(path=relpath(uri, dirname(self.page) or ".")).geturl()

    def _path_of_page(self) -> str:
        return next(path for path, uri in self.uris.items() if uri == self.page)


LINKS = Links()


class LinksExtension(Extension):
    """Has `LINKS` at work in every page."""

    @override
    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(LINKS, "outside", PRIORITY)


def on_config(config: MkDocsConfig) -> None:
    """Add the extension; the configuration file itself cannot name a class that no module exports."""
    config.markdown_extensions.append(LinksExtension())


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add a page for each file that is linked to, and note where everything is."""
    LINKS.uris = {f"docs/{file.src_uri}": file.src_uri for file in files} | PAGES
    sources = {path: uri_of(path) for path in sorted(linked_sources())}
    for path, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(CHECKOUT / path).read_text()))
    for path, uri in sources.items():
        files.append(File.generated(config, uri, content=listing(CHECKOUT / path)))
    LINKS.uris |= sources


def on_page_markdown(_markdown: str, page: Page, **_: object) -> None:
    """Note which page comes next."""
    LINKS.page = page.file.src_uri


def uri_of(path: str) -> str:
    """Return where the page of a source goes."""
    return f"source/{path}/index.md" if (CHECKOUT / path).is_dir() else f"source/{path}.md"


def linked_sources() -> set[str]:
    """Return the paths of what pages link to and is no page; with the files of linked folders."""
    paths: set[str] = set()
    for path in [path for path, uri in LINKS.uris.items() if uri.endswith(".md")]:
        targets = (normpath(join(dirname(path), link)) for link in LINK.findall((CHECKOUT / path).read_text()))
        paths |= {target for target in targets if target not in LINKS.uris and (CHECKOUT / target).exists()}
    return paths | {str(file.relative_to(CHECKOUT)) for path in paths for file in sources_in(CHECKOUT / path)}


def sources_in(folder: Path) -> Iterator[Path]:
    """Yield the sources in a folder; none if it is a file."""
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.is_file() and file.suffix in LANGUAGES:
            yield file


def listing(path: Path) -> str:
    """Return the page of a file's text, or of a folder's files."""
    title = f"{LEFT_OUT_OF_SEARCH}# `{path.relative_to(CHECKOUT)}`\n\n"
    if path.is_dir():
        return title + "\n".join(f"- [{file.name}]({file.name}.md)" for file in sources_in(path))
    return f"{title}{FENCE} {LANGUAGES.get(path.suffix, 'text')}\n{path.read_text()}\n{FENCE}\n"
