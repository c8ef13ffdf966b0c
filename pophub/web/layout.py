"""How a page is made: its template, its words, its links, when its figures are of, and what it may load.

Server-side templates, nothing from outside. Two scripts of a few lines: one follows the theme of the frame that the
pages stand in, Airflow's, the other looks again at what goes on. Style and scripts are files of their own, so that the
policy allows none within a page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from pophub.domain.codes import GATES
from pophub.domain.dates import shown_time
from pophub.domain.errors import PophubError
from pophub.quarantine.reasons import meaning
from pophub.web.counts import Figures
from pophub.web.declarations import declarations
from pophub.web.visitors import Visitor
from pophub.web.words import CHOSEN, Language, age, language, number, words
from pophub.web.words_remedies import remedy_vi

STATES = ("shared", "quarantined", "duplicate", "superseded")
PLACES = (
    "now",
    "quarantine",
    "record",
    "datasets",
    "catalogue",
    "subscriptions",
    "ledger",
    "figures",
    "workbench",
)
TAKES = {"record": "find", "workbench": "act"}
"""What the navigation leads to, in its order."""
FILES = {
    "pophub.css": "text/css", "theme.js": "text/javascript", "again.js": "text/javascript", "icon.svg": "image/svg+xml",
}  # fmt: skip
_FOLDER = resources.files("pophub.web").joinpath("static")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
)
KEPT_S = 365 * 86_400
PAGE_ROWS = 100
"""How many rows of a long list a page shows: what a person looks through, and within 150 kB."""
SERVERS = {"postgres": "PostgreSQL", "kafka": "Kafka", "airflow": "Airflow"}


class Pager(NamedTuple):
    """Which page of a long list this is: rows `first` + 1 to `first` + `PAGE_ROWS` of `total`."""

    page: int
    total: int

    @property
    def first(self) -> int:
        """How many rows stand on the pages before."""
        return (self.page - 1) * PAGE_ROWS

    @property
    def last(self) -> int:
        """The last page's number.

        >>> Pager(1, 0).last, Pager(1, 100).last, Pager(1, 101).last
        (1, 1, 2)
        """
        return max(1, -(-self.total // PAGE_ROWS))


def page_number(page: int) -> int:
    """Give a page's number within what a list can have."""
    return max(1, min(page, 1_000_000))


class PageMaker:
    """Makes pages; `alone` where people sign in here and not at Airflow, by `provider` (its host) too where one is declared."""

    def __init__(self, alone: bool, project: Path, provider: str = "") -> None:
        self._alone, self._project, self.provider = alone, project, provider

    def means(self, code: str, lang: Language) -> str:
        """Say what a code means, of the hub or of a suite of the project."""
        return meaning(code, declarations(self._project).codes, lang)

    def mends(self, code: str, lang: Language) -> str:
        """Say what mends a record that failed by this code; nothing where no remedy is told in this language."""
        entry = declarations(self._project).codes.get(code)
        return "" if entry is None else entry.remedy if lang == "en" else remedy_vi(entry.remedy)

    def render(
        self, request: Request, template: str, status: int = 200, *,
        told: Iterable[Figures] = (), **values: Any,
    ) -> HTMLResponse:  # fmt: skip
        """Give a page; `told` is what its figures were read from, so that it says of when they are."""
        lang, who = language(request), getattr(request.state, "visitor", None)
        figures = list(told)
        broken = next((one.broken for one in figures if one.broken), None)
        at = min((one.at for one in figures), default=None)
        common = {
            "who": who, "alone": self._alone, "places": [place for place in PLACES if who is None or who.may(TAKES.get(place, "see"))], "at": at, "broken": broken,
            "server": server_of(broken) if broken else None, "here": request.url.path, "done": done(request),
            "token": who.token if isinstance(who, Visitor) else "",
            "means": cache(partial(self.means, lang=lang)), "mends": partial(self.mends, lang=lang),
        }  # fmt: skip
        text = _templates().get_template(template).render(_tools(request, lang) | common | values)
        headers = {"Content-Language": lang, "Vary": "Accept-Language, Cookie"}
        answer = HTMLResponse(text, status, headers=headers)
        if request.query_params.get("lang") == lang != request.cookies.get(CHOSEN):
            answer.set_cookie(
                CHOSEN, lang, max_age=KEPT_S, path=request.scope.get("root_path", "") or "/",
                httponly=True, samesite="lax", secure=request.url.scheme == "https",
            )  # fmt: skip
        return answer


def here(request: Request, path: str, **query: str) -> str:
    """Give the address of a path within these pages; anything else leads to the first page.

    >>> here(Request({"type": "http", "root_path": "/x", "query_string": b"", "headers": []}), "//evil.example")
    '/x/?lang=en'
    """
    safe = path.startswith("/") and not path.startswith(("//", "/\\"))
    plain, _, asked = (path if safe else "/").partition("?")
    kept = [pair for pair in asked.split("&") if pair and not pair.startswith(("lang=", "done="))]
    query = {"lang": language(request), **query}
    return f"{request.scope.get('root_path', '')}{plain}?{'&'.join([*kept, urlencode(query)])}"


def done(request: Request) -> str | None:
    """Give the word for what was just done, where the address names one of these."""
    name = f"done_{request.query_params.get('done', '')}"
    return name if name in words("en") else None


def server_of(error: PophubError) -> str:
    """Name the server that does not answer."""
    return SERVERS.get(error.code.split(".")[0], "pophub")


def files() -> APIRouter:
    """Make the route of style and script, which are open: they say nothing of the hub."""
    routes = APIRouter()

    @routes.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in FILES:
            raise HTTPException(404)
        return Response(_FOLDER.joinpath(name).read_bytes(), media_type=FILES[name])

    return routes


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_FOLDER.joinpath(name).read_bytes()).hexdigest()[:16]


def _tools(request: Request, lang: Language) -> dict[str, Any]:
    """Give what each template may call, in the reader's language."""
    prefix = request.scope.get("root_path", "")

    def link(*parts: str, **query: Any) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        asked = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{prefix}/{path}?{urlencode(asked | {'lang': lang})}"

    def in_language(other: Language) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "done")]
        return f"{request.url.path}?{urlencode([*kept, ('lang', other)])}"

    def at_page(number: int) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("page", "done")]
        return f"{request.url.path}?{urlencode([*kept, ('page', str(number))])}"

    return {
        "lang": lang, "w": words(lang), "n": lambda value: number(value, lang), "t": _local,
        "ago": lambda moment: age(datetime.now(UTC) - moment, lang), "span": lambda seconds: age(timedelta(seconds=seconds), lang),
        "mend": remedy_vi if lang == "vi" else str, "link": link, "in_language": in_language, "at_page": at_page, "states": STATES, "gates": GATES,
        "static": lambda name: f"{prefix}/static/{name}?v={_digest(name)}",
        "back": came_back(request), "here_link": lambda path: here(request, path),
    }  # fmt: skip


def came_back(request: Request) -> str:
    """Give the path of this page within the pages, for a form that is to lead back here."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "done")]
    return f"{path}?{urlencode(kept)}" if kept else path


def _local(moment: datetime) -> str:
    return shown_time(moment, "%d/%m/%Y %H:%M")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("pophub.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
