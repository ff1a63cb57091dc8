"""The page of a study: one HTML file that works offline, with every figure, run and configuration."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import vl_convert

from lengen.comparison.grouping import Study
from lengen.records.curve import write_text
from lengen.report.console import Block
from lengen.report.content import content

SCRIPTS = ("axes", "theme", "tables", "curves", "figures", "details", "page")
"""Files of the page's script, in order."""


def write(
    study: Study, path: Path, *, title: str, threshold: float = 0.9, tables: Sequence[Block] = ()
) -> None:
    """Write the page of a study, atomically; the same study gives the same bytes.

    Args:
        study: a study with at least one panel.
        path: path of the file, in an existing folder.
        title: title of the page.
        threshold: exact match of at least this is a success, and the reach is taken at this threshold.
        tables: tables to include unchanged.

    Raises:
        ValueError: the study has no panels.
    """
    if not study.panels:
        raise ValueError("a page needs a study with at least one run, got none")
    write_text(path, page(content(study, threshold=threshold, tables=tables, title=title), title))


def page(data: Mapping[str, Any], title: str) -> str:
    """Return the HTML of the page. Its security policy allows only its own scripts, by hash, and no network."""
    here = Path(__file__).parent / "web"
    library = _library()
    script = "\n".join((here / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    template = Template((here / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title).encode("ascii", "xmlcharrefreplace").decode(),
        style=(here / "page.css").read_text(encoding="utf-8"),
        hashes=" ".join(f"'sha256-{_digest(text)}'" for text in (library, script)),
        data=inert(data),
        library=library,
        script=script,
    )


@cache
def _library() -> str:
    """Return the script of Vega, Vega-Lite and Vega-Embed, cached in the user's cache folder: bundling takes seconds."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    cached = cache_home / "lengen" / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        head, _, text = cached.read_text(encoding="utf-8", errors="replace").partition("\n")
        if text and head == f"// {_digest(text)}":  # otherwise empty, torn, or of an earlier version
            return text
    bundle = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
    text = str(bundle).replace("</script", r"<\/script")
    with suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_text(cached, f"// {_digest(text)}\n{text}")
    return text


def _digest(script: str) -> str:
    """Return the hash by which a content security policy allows an inline script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def inert(data: Any) -> str:
    r"""Return JSON that is safe inside HTML: ASCII, without angle brackets and ampersands.

    >>> print(inert("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, default=str, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
