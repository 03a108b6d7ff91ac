r"""Reads ``\|`` in the code of a table as a forge does: as the character that would else end the cell."""

from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from typing_extensions import override


class Pipes(Treeprocessor):
    """Takes the backslash away that only the table needed."""

    @override
    def run(self, root: Element) -> None:
        for code in (code for cell in root.iter("td") for code in cell.iter("code")):
            code.text = (code.text or "").replace(r"\|", "|")


class PipesExtension(Extension):
    """Has it done in every page."""

    @override
    def extendMarkdown(self, md: Markdown) -> None:
        # After code is found (20).
        md.treeprocessors.register(Pipes(), "pipes", priority=1)


def on_config(config: MkDocsConfig) -> None:
    """Add the extension; the configuration file itself cannot name a class that no module exports."""
    config.markdown_extensions.append(PipesExtension())
