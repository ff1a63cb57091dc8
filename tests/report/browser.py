"""What tests do with a page in a browser."""


def drawn(page) -> None:
    page.wait_for_selector('body[data-drawn="yes"]', timeout=60_000)


def choose(page, **options) -> None:
    for name, value in options.items():
        page.select_option(f"#{name}", value)
    drawn(page)


def marks(page, figure: str) -> int:
    """How many marks a figure has, the trained region aside."""
    return page.locator(f"#{figure} svg.marks .role-mark path[d]:not([d='']):not([fill='#efefef'])").count()
