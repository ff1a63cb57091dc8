"""The page of a study: one file that opens anywhere without a network, with every figure, run and configuration."""

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
from lengen.report.content import content
from lengen.report.tables import Block

SCRIPTS = ("axes", "curves", "figures", "details", "page")
"""Files of the script of a page, in order."""


def write(
    study: Study, path: Path, *, title: str, threshold: float = 0.9, tables: Sequence[Block] = ()
) -> None:
    """Write the page of a study, whole or not at all; the same study gives the same bytes.

    Args:
        study: at least one panel.
        path: where to; its folder must be there.
        title: above the page.
        threshold: exact match from which a seed succeeds at a length, and the lower bound that its reach must hold.
        tables: shown as they are.

    Raises:
        ValueError: the study has no panel.
    """
    if not study.panels:
        raise ValueError("a page needs a study of at least one run, got none")
    write_text(path, page(content(study, threshold=threshold, tables=tables, title=title), title))


def page(data: Mapping[str, Any], title: str) -> str:
    """The page of some data: its scripts are allowed by their hashes, and nothing else is, no address either."""
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
    """Vega, Vega-Lite and Vega-Embed: the function `vegaEmbed`. Bundling takes seconds, so it is kept in the user's cache."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    kept = cache_home / "lengen" / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    bundle = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
    text = str(bundle).replace("</script", r"<\/script")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, text)
    return text


def _digest(script: str) -> str:
    """What a content security policy knows an inline script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def inert(data: Any) -> str:
    r"""JSON that no HTML parser takes for anything else: ASCII, without angle brackets and ampersands.

    >>> print(inert("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, default=str, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
