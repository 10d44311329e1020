"""The page itself: a template, a style sheet, and pictures within it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from ....files import write_atomically
from ....images.thumbnail import encoded_picture
from .inline_svg import inline_svg
from .worst_cases import Case

__all__ = ["case_items", "embedded", "figure_item", "rendered", "renew_next_command"]

FOLDER = Path(__file__).parent
NEXT = re.compile(r'(<div class="next">\s*<p>).*?(</p>\s*<pre><code>).*?(</code></pre>)', re.DOTALL)
SECTIONS = {
    "verdict": "Verdict",
    "settings": "Settings",
    "subjects": "Subjects",
    "methods": "Methods",
    "differences": "Differences",
    "classification": "ROC, calibration, confusion",
    "labels": "Label efficiency",
    "curves": "Learning curves",
    "subgroups": "Subgroups",
    "cases": "Worst cases",
    "reading": "How to read this",
}


def rendered(context: Mapping[str, Any]) -> str:
    """The page as one HTML file without references to other files on which it depends.

    Args:
        context: variables of ``report.html.j2``, but for the style sheet and the contents.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((FOLDER / "report.html.j2").read_text(encoding="utf-8"))
    style = (FOLDER / "report.css").read_text(encoding="utf-8").replace("\n", "")
    page = template.render(style=Markup(style), contents=[], **context)
    contents = [(name, title) for name, title in SECTIONS.items() if f'id="{name}"' in page]
    return template.render(style=Markup(style), contents=contents, **context).strip() + "\n"


def renew_next_command(page: Path, text: str, command: str) -> bool:
    """Write a page again with another command below its verdict, and nothing else changed.

    Args:
        page: ``report.html``.
        text: sentence before the command.
        command: the command.

    Returns:
        Whether the page has a command there; otherwise it is left as it is.
    """
    found, number = NEXT.subn(
        lambda match: f"{match[1]}{escape(text)}{match[2]}{escape(command)}{match[3]}", page.read_text(encoding="utf-8")
    )
    if number:
        write_atomically(page, found)
    return bool(number)


def figure_item(path: Path, title: str, root: Path, caption: str = "") -> dict[str, str]:
    """A figure for the template.

    Args:
        path: SVG file.
        title: text for readers who do not see the figure.
        root: folder of the page.
        caption: sentence below the figure.
    """
    return {"svg": inline_svg(path, title), "file": path.relative_to(root).as_posix(), "caption": caption}


def case_items(cases: Sequence[Case], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Cases for the template, with their pictures within the page."""
    return [
        {
            "subject": case.subject,
            "text": f"{classes[case.true]}, called {classes[case.predicted]}: probability of {classes[case.true]} "
            f"{case.probability:.2f}, fold {case.fold}",
            "facts": ", ".join(f"{name} {_short(value)}" for name, value in (case.facts or {}).items()),
            "files": case.files,
            "picture": embedded(case.picture),
            "heat": embedded(case.heat),
            "second": "Heat map",
        }
        for case in cases
    ]


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def embedded(picture: np.ndarray | None) -> str:
    """A picture as an address that holds it; empty without one."""
    if picture is None:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(encoded_picture(picture)).decode()}"
