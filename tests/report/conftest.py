"""A browser, and the page of a study in it."""

import os
import shutil

import pytest
from tests.report.browser import drawn

from lengen.report.page import write

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """A headless browser; without one the tests are skipped, except where `CI_BROWSER=1` wants them."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if not found:
        reason = "needs playwright, and chromium or google-chrome in the PATH"
        (pytest.fail if os.environ.get("CI_BROWSER") == "1" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open the page of a study; afterwards nothing may have been logged, raised or asked of a network."""
    troubles, contexts = [], []

    def go(study, *, view="", size=(1280, 900), context=(), **options):
        path = tmp_path / "page.html"
        write(study, path, **{"title": "A study", **options})
        opened = browser.new_context(viewport={"width": size[0], "height": size[1]}, **dict(context))
        contexts.append(opened)
        page = opened.new_page()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda asked: troubles.append(asked.url) if asked.url.startswith("http") else None)
        page.on("requestfailed", lambda asked: troubles.append(asked.url))
        page.goto(path.as_uri() + view)
        drawn(page)
        return page

    yield go
    for opened in contexts:
        opened.close()
    assert not troubles
