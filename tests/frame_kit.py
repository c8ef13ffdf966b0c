"""A page of ours within Airflow's frame: each thing in it that can be pressed, and whether something happens then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

MOST_MS, LOOK_MS, AGAIN_MS = 10_000, 25, 90_000
OURS = "/pophub/"
BLOCKED = re.compile(r"sandbox|blocked|refused|violates|ignored call", re.I)
AIRFLOWS = "can escape its sandboxing"
"""What Chromium says of the frame that Airflow makes, at each page in it."""
PRESSED = """() => [...document.querySelectorAll('a[href], button, summary')].map((e, at) => ({at, kind: e.localName,
    text: (e.innerText.trim() || e.getAttribute('aria-label') || ''),
    how: e.hreflang || [...e.attributes].filter(a => !['href', 'class', 'id'].includes(a.name) && !a.name.startsWith('aria')).join(),
    to: e.localName === 'a' ? e.getAttribute('href') : e.form ? e.form.method + ' ' + e.form.getAttribute('action') : ''}))"""
FILLED = """([at, values]) => {
  const form = [...document.querySelectorAll('a[href], button, summary')][at].form;
  for (const one of form.querySelectorAll('input:not([type=hidden]):not([type=file]), select'))
    if (one.name in values) one.value = values[one.name];
}"""


class Pressable(NamedTuple):
    """A link, a button or a summary.

    Shape: `to` its address, of a button method and address of its form; `how` what else it says of itself, or its language.
    """

    at: int
    kind: str
    text: str
    how: str
    to: str

    @property
    def name(self) -> tuple[str, ...]:
        """What it is told from others by: one that stands on each page, or in each row, is one."""
        to, _, part = self.to.partition("#")
        path, _, asked = to.partition("?")
        if self.how in ("en", "vi"):
            return self.kind, self.how
        path = re.sub(r"/(\d+|[0-9a-f]{32})(?=/|$)", "/#", path) or (
            self.text if self.kind == "summary" else ""
        )
        keys = sorted(one.partition("=")[0] for one in asked.split("&")) if self.kind == "a" else []
        return self.kind, path, self.how, part, *keys


class Frame:
    """The frame of a plug-in in a page of Airflow's.

    Shape: `wrong` is what the browser said or blocked in it, `led` the paths that buttons led to.
    """

    def __init__(self, page: Any) -> None:
        self._page, self.wrong, self.led = page, list[str](), list[str]()
        self._went, self._got, self._status = 0, list[Any](), 0
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        page.context.on("page", lambda other: self.wrong.append(f"a window of its own: {other.url}"))
        page.on("framenavigated", self._navigated)
        page.on("download", self._downloaded)
        page.on("response", self._answered)

    def open(self, address: str) -> None:
        """Open a page of Airflow's that has the frame, and wait for what stands in it."""
        self._page.goto(address)
        self._page.locator("iframe").wait_for()
        self._inner = self._page.locator("iframe").element_handle().content_frame()
        self._inner.wait_for_selector("main h1")
        self._settled()
        self.outer = re.sub(r"(/plugin/[^/]+).*", r"\1", urlsplit(self._page.url).path)

    def go(self, address: str) -> None:
        """Go on to another page of ours, in the frame."""
        self._inner.goto(address)
        self._settled()

    @property
    def url(self) -> str:
        """Give the address within the frame."""
        return str(self._inner.url)

    def said(self) -> str:
        """Give what the page in the frame says."""
        return str(self._inner.inner_text("main"))

    def press_all(
        self, pressed: set[tuple[str, ...]], values: Callable[[Pressable], dict[str, str]]
    ) -> Iterator[str]:
        """Press each thing that was not pressed yet, of the page in the frame and of those that this leads to.

        Give what happened to none of them. `values` are what is typed into the fields of its form.
        """
        start = self.url
        while True:
            open_ = [one for one in self._pressable() if one.name not in pressed]
            if open_:
                at = self.url
                pressed.add(open_[0].name)
                if problem := self._press(open_[0], values):
                    yield f"{at}: {open_[0].text} ({open_[0].to}): {problem}"
            elif self.url == start:
                return
            if not open_ or not urlsplit(self.url).path.startswith(OURS):
                self.go(start)
            self._settled()

    def _settled(self) -> None:
        """Wait for what the page itself looks for again."""
        self._inner.wait_for_selector("[data-again]", state="detached", timeout=AGAIN_MS)

    def _pressable(self) -> list[Pressable]:
        return [Pressable(**one) for one in self._inner.evaluate(PRESSED)]

    def _press(self, one: Pressable, values: Callable[[Pressable], dict[str, str]]) -> str:
        before, self._went, self._got, self._status = self.said(), 0, list[Any](), 0
        wrong = len(self.wrong)
        thing = self._inner.locator("a[href], button, summary").nth(one.at)
        if one.kind == "button":
            self._inner.evaluate(FILLED, [one.at, values(one)])
        is_open = thing.evaluate("e => e.parentElement.open") if one.kind == "summary" else None
        thing.focus()  # the link that leads past the head is seen then
        thing.click(timeout=MOST_MS)
        for _ in range(MOST_MS // LOOK_MS):
            if is_open is not None:
                return (
                    ""
                    if thing.evaluate("e => e.parentElement.open") != is_open
                    else "it neither opens nor closes"
                )
            if self._got or self._went:
                break
            self._page.wait_for_timeout(LOOK_MS)
        else:
            return "nothing happens"
        return self._became(one, before) or "; ".join(self.wrong[wrong:])

    def _became(self, one: Pressable, before: str) -> str:
        """Tell what is wrong with where it led; nothing where it did something."""
        if self._got:
            return "" if self._got[0].path().stat().st_size else "an empty file"
        self._inner.wait_for_load_state()
        if not urlsplit(self.url).path.startswith(OURS):
            return f"it leads away, to {self.url}"
        if not urlsplit(self._page.url).path.startswith(self.outer):
            return f"it leads Airflow away, to {self._page.url}"
        if not self._status:  # within the page
            target = urlsplit(self.url).fragment
            return "" if self._inner.locator(f"[id='{target}']").count() else f"there is no {target}"
        if self._status != 200:
            return f"{self._status}: {self.said()[:300]}"
        if one.to.startswith("post "):
            self.led.append(urlsplit(self.url).path)
        return "nothing changed" if one.to.startswith("post ") and self.said() == before else ""

    def _navigated(self, frame: Any) -> None:
        self._went += frame == getattr(self, "_inner", None)

    def _downloaded(self, download: Any) -> None:
        self._got.append(download)

    def _answered(self, response: Any) -> None:
        request = response.request
        if (
            request.is_navigation_request()
            and response.status // 100 != 3
            and urlsplit(response.url).path.startswith(OURS)
        ):
            self._status = response.status

    def _said(self, said: Any) -> None:
        if AIRFLOWS in said.text:
            return
        if urlsplit(said.location.get("url", "")).path.startswith(OURS) or BLOCKED.search(said.text):
            self.wrong.append(f"{said.text} {said.location}")
