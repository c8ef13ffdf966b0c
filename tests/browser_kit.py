"""A headless Chromium of the machine, driven by playwright, whose own download is not needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
NOT_HERE = "no Chromium or no playwright here, so nothing was tried in a browser: `make browser` brings both"


@contextmanager
def launched() -> Iterator[Any]:
    """Start the browser; None where the machine has none, or no playwright."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        yield None
        return
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=as_root)
        yield browser
        browser.close()
