"""Draws diagrams when the site is built: the theme would have the browser load Mermaid from another site."""

from hashlib import sha256

import mermaidx
from mkdocs.config.defaults import MkDocsConfig

ID_OF_EVERY_DRAWING = "my-svg"


def drawn(source: str, *_: object, **__: object) -> str:
    """Return a block of Mermaid as SVG, with ids of its own."""
    own_id = f"diagram-{sha256(source.encode()).hexdigest()[:8]}"
    drawing = mermaidx.render(source, theme="neutral").svg().replace(ID_OF_EVERY_DRAWING, own_id)
    return f'<div class="diagram">{drawing}</div>'


def on_config(config: MkDocsConfig) -> None:
    """Have blocks of Mermaid drawn; the configuration file itself cannot name a function that no module exports."""
    fence = {"name": "mermaid", "class": "diagram", "format": drawn}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
