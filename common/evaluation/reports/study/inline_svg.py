"""SVG files of matplotlib inside a page, in the colours of its light or dark theme."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["inline_svg"]

#: Colours of :mod:`common.plotting` that depend on the theme.
THEME = {
    "#000000": "currentColor",
    "#4d4d4d": "currentColor",
    "#e6e6e6": "var(--grid)",
    "#ffffff": "var(--card)",
    "#8a8a8a": "var(--muted)",
}


def inline_svg(path: Path, title: str) -> str:
    """An SVG element for a page.

    Ids get the file's name as prefix, as several figures on a page have the same ones.

    Args:
        path: SVG file written by :func:`~common.plotting.figure`.
        title: text for readers who do not see it.
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)  # would apply to the whole page
    name = re.sub(r"\W+", "-", path.stem)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    for colour, variable in THEME.items():
        text = re.sub(f": {colour}", f": {variable}", text, flags=re.IGNORECASE)
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>",
        rf'<svg viewBox="\1" role="img" aria-label="{escaped}" xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )
