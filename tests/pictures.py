"""`make pictures`: pages of the hub that is up, as `make demo` leaves it, for README and docs.

Signed in as the demo says, in a browser of the machine; written to `docs/pictures/`. What the pages show
is the simulated agencies'; a person is on none of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pophub.runtime.airflow import LOGIN
from pophub.settings import Settings
from tests.browser_kit import NOT_HERE, launched

OUT = Path(__file__).parents[1] / "docs" / "pictures"
PAGES = {
    "now": "/?lang=en",
    "dataset": "/datasets/mps.citizens?lang=en",
    "quarantine": "/quarantine?lang=en",
    "ledger": "/ledger?lang=vi",
    "catalogue": "/catalogue/mps.citizens?lang=en",
    "figure": "/figures/digitised?by=month&as_of=2024-12-31&lang=en",
    "workbench": "/workbench?stem=mps.citizens&lang=en",
}
SIZE = {"width": 1280, "height": 860}
UP_MS = 5_000


def main() -> int:
    """Take each picture anew; 1 with a word where there is no browser or no hub."""
    settings = Settings.load()
    with launched() as browser:
        if browser is None:
            print(NOT_HERE, file=sys.stderr)
            return 1
        page = browser.new_context(viewport=SIZE, device_scale_factor=1).new_page()
        if not _signed_in(page, settings):
            print("no hub is up that lets the demo's login in: `make demo` first", file=sys.stderr)
            return 1
        OUT.mkdir(parents=True, exist_ok=True)
        for name, path in PAGES.items():
            page.goto(settings.endpoints.web_url + path)
            while page.get_by_role("link", name="Look again").count():  # a figure that is being counted
                page.wait_for_timeout(500)
                page.reload()
            page.screenshot(path=OUT / f"{name}.png")
            print(f"docs/pictures/{name}.png", file=sys.stderr)
    return 0


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
