"""`make pictures`: pages of the hub that is up, as `make demo` leaves it.

Signed in as the demo says, in a browser of the machine. Each page, in both languages, light, dark and narrow, goes to
`build/pages/`; the best of them to `docs/pictures/`. What the pages show is the simulated agencies'; a person is on
none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pophub.runtime.airflow import LOGIN
from pophub.settings import Settings
from tests.browser_kit import NOT_HERE, launched

PROJECT = Path(__file__).parents[1]
ALL, BEST = PROJECT / "build" / "pages", PROJECT / "docs" / "pictures"
PAGES = {
    "now": "/",
    "quarantine": "/quarantine",
    "search": "/record",
    "datasets": "/datasets",
    "dataset": "/datasets/mps.citizens",
    "ledger": "/ledger",
    "catalogue": "/catalogue",
    "entry": "/catalogue/mps.citizens",
    "subscriptions": "/subscriptions",
    "figures": "/figures",
    "figure": "/figures/digitised?by=month&as_of=2024-12-31",
    "workbench": "/workbench?stem=mps.citizens",
}
FOUND = {
    "group": "quarantine",
    "versions": "quarantine",
    "version": "versions",
    "run": "dataset",
    "subscription": "subscriptions",
}
"""Pages that another one leads to, by the first link of this kind there."""
LINKS = {
    "group": "/quarantine/group", "versions": "/quarantine/versions", "version": "/record/version/", "run": "/runs/",
    "subscription": "/subscriptions/",
}  # fmt: skip
IN_DOCS = {"ledger": "en", "entry": "vi", "figure": "en"}
LOOKS = (("light", 1280), ("dark", 1280), ("light", 400))
UP_MS = 5_000


def main() -> int:
    """Take each picture anew; 1 with a word where there is no browser or no hub."""
    settings = Settings.load()
    with launched() as browser:
        if browser is None:
            print(NOT_HERE, file=sys.stderr)
            return 1
        page = browser.new_context(device_scale_factor=1).new_page()
        if not _signed_in(page, settings):
            print("no hub is up that lets the demo's login in: `make demo` first", file=sys.stderr)
            return 1
        for folder in (ALL, BEST):
            folder.mkdir(parents=True, exist_ok=True)
        for name, path in _pages(page, settings.endpoints.web_url):
            _take(page, name, settings.endpoints.web_url + path)
            print(name, file=sys.stderr)
    return 0


def _pages(page: Any, url: str) -> Iterator[tuple[str, str]]:
    """Give name and path of each page; those that another one leads to behind it."""
    known = dict(PAGES)
    yield from PAGES.items()
    for name, before in FOUND.items():
        page.goto(f"{url}{known[before]}")
        link = page.locator(f"main a[href^='{LINKS[name]}']").first
        if link.count():
            known[name] = link.get_attribute("href").partition("lang=")[0].rstrip("?&")
            yield name, known[name]


def _take(page: Any, name: str, address: str) -> None:
    for lang in ("en", "vi"):
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 860})
            page.goto(f"{address}{'&' if '?' in address else '?'}lang={lang}")
            while (
                page.locator(".note[role=status] a").count() and "/figures/" in address
            ):  # it is being counted
                page.wait_for_timeout(500)
                page.reload()
            page.screenshot(path=ALL / f"demo-{name}-{lang}-{scheme}-{width}.png", full_page=True)
            if (scheme, width) == LOOKS[0] and IN_DOCS.get(name) == lang:
                page.screenshot(path=BEST / f"{name}-page.png")


def _signed_in(page: Any, settings: Settings) -> bool:
    from playwright.sync_api import Error

    try:
        page.goto(settings.endpoints.web_url + "/", timeout=UP_MS)
        page.fill("input[name=name]", LOGIN, timeout=UP_MS)
        page.fill("input[name=password]", (settings.home / "secrets" / "airflow.admin").read_text().strip())
        page.click("button.first")
        page.wait_for_load_state()
    except (Error, OSError):
        return False
    return page.locator("input[name=password]").count() == 0


if __name__ == "__main__":
    sys.exit(main())
