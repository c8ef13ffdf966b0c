"""Asking an HTTP source for a page: signed in, bounded, tried again where that helps, in the words of pophub."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.domain.trust import UNREADABLE, Distrust, distrust
from pophub.sources.json_pages import no_page

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
PAGE_BYTES = 64 << 20
TRIES = 5
PATIENCE_S = 60.0  # a server that asks to wait longer is left to the next run
_AGAIN = wait_random_exponential(multiplier=0.5, max=8)
_BUSY = {429, 503}
_STATUS: dict[int, tuple[type[PophubError], str, str, str]] = {
    401: (
        ConfigError,
        "source.password",
        "the source refused the hub's login",
        "put the right token, or user and password, into the variables that `source.login` names",
    ),
    403: (
        ConfigError,
        "source.permission",
        "the hub's login may not read these records",
        "ask the agency to let the hub's login read them",
    ),
    404: (
        ConfigError,
        "source.table_missing",
        "nothing is at the source's address",
        "ask the agency for the address, then mend the variable that `source.url` names",
    ),
}


@dataclass(frozen=True)
class Access:
    """How to get in: the login's values and the file of certificates, where there are any."""

    token: str | None = None
    basic: tuple[str, str] | None = None
    certificate: Path | None = None


class Page(NamedTuple):
    """An answer: its bytes, and the address that its header Link names as the next."""

    data: bytes
    link: str | None


class _Wait(TransientError):
    """The server asks for some seconds of patience."""

    seconds: float | None = None


class HttpClient:
    """One source's client; it follows no redirect, so that the login goes nowhere else."""

    def __init__(
        self, url: httpx.URL, access: Access, where: str, tries: int = TRIES, *, keeps: bool = True
    ) -> None:
        self._where = where
        self._tries = tries
        self.url = url
        headers = {"Accept": "application/json", "User-Agent": "pophub"}
        if access.token is not None:
            headers["Authorization"] = f"Bearer {_sendable(access.token, where)}"
        self._client = httpx.Client(
            headers=headers, auth=access.basic, timeout=TIMEOUT, verify=_trusted(access, where),
            limits=httpx.Limits(max_keepalive_connections=None if keeps else 0),
        )  # fmt: skip

    def page(self, address: httpx.URL, parameters: Mapping[str, str]) -> Page:
        """Ask for one page.

        Errors: `source.unreachable`, `source.timeout`, `source.busy` (retry); `source.password`,
        `source.permission`, `source.table_missing`, `source.url`, `source.certificate`; `source.answer`.
        """
        tried = Retrying(
            retry=retry_if_exception(_passes),
            stop=stop_after_attempt(self._tries),
            wait=_patience,
            reraise=True,
        )
        page: Page = tried(self._asked, address.copy_merge_params(parameters))
        return page

    def next(self, address: httpx.URL, link: str) -> httpx.URL:
        """Give the address of the next page, which must lie with the same server.

        Errors: `source.answer`.
        """
        try:
            found = address.join(link)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise no_page("the next page's address cannot be read", self._where) from None
        if (found.scheme, found.host, found.port) != (self.url.scheme, self.url.host, self.url.port):
            raise no_page("the next page is said to lie with another server; it gets no login", self._where)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def _asked(self, address: httpx.URL) -> Page:
        try:
            with self._client.stream("GET", address) as answer:
                self._check(answer)
                return Page(self._read(answer), answer.links.get("next", {}).get("url"))
        except httpx.TimeoutException:
            raise self._transient("source.timeout", "the source did not answer in time") from None
        except httpx.DecodingError:
            raise no_page("the answer is not compressed as it says", self._where) from None
        except httpx.HTTPError as error:  # its words and its request hold the address
            if (number := _distrusted(error)) is not None:
                raise _untrusted(distrust(number), self._where) from None
            raise self._transient("source.unreachable", "the source cannot be reached") from None

    def _read(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        for piece in answer.iter_bytes():
            data += piece
            if len(data) > PAGE_BYTES:
                raise no_page(f"a page has more than {PAGE_BYTES >> 20} MiB", self._where)
        return bytes(data)

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        if status in _STATUS:
            kind, code, what, remedy = _STATUS[status]
            raise kind(code, what, where=self._where, remedy=remedy)
        if status in _BUSY:
            busy = _Wait("source.busy", f"the source asks to be left alone for now ({status})",
                         where=self._where, remedy="the run tries again; ask the agency how often the hub may ask")  # fmt: skip
            busy.seconds = _retry_after(answer)
            raise busy
        if status >= 500:
            raise self._transient("source.unreachable", f"the source's server fails ({status})")
        if 300 <= status < 400:
            what, remedy = (
                "the source has moved",
                "ask the agency for its address now; no redirect is followed",
            )
            raise ConfigError("source.url", f"{what} ({status})", where=self._where, remedy=remedy)
        raise no_page(f"the source answers with status {status}", self._where)

    def _transient(self, code: str, what: str) -> TransientError:
        remedy = "see that the source's server runs and answers from here; the run tries again"
        return TransientError(code, what, where=self._where, remedy=remedy)


def _passes(error: BaseException) -> bool:
    """Tell whether it helps to ask again at once."""
    if isinstance(error, _Wait):
        return error.seconds is None or error.seconds <= PATIENCE_S
    return isinstance(error, TransientError)


def _patience(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.seconds if isinstance(error, _Wait) else None
    return _AGAIN(state) if asked is None else asked


def _retry_after(answer: httpx.Response) -> float | None:
    """Give the seconds of `Retry-After`; a time there is one of the server's own clock, which `Date` tells."""
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked[:9])
    until, now = _moment(asked), _moment(answer.headers.get("Date", ""))
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_url(url: str, where: str) -> httpx.URL:
    """Read the address of an API.

    Errors: `source.url`, which holds none of it.
    """
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        found = httpx.URL()
    if (
        found.scheme not in ("http", "https")
        or not found.host
        or found.userinfo
        or not 0 < (found.port or 80) < 65_536
    ):
        raise ConfigError(
            "source.url", "the source's address cannot be read, or holds a login",
            where=where, remedy="mend the variable that `source.url` names: https://HOST/PATH; a login goes into `source.login`",
        )  # fmt: skip
    return found


def _sendable(token: str, where: str) -> str:
    if token.isascii() and token.isprintable():
        return token
    raise ConfigError(
        "source.password", "the token holds a sign that no header may",
        where=where, remedy="mend the variable that `source.login.secret` names",
    )  # fmt: skip


def _trusted(access: Access, where: str) -> ssl.SSLContext | bool:
    if access.certificate is None:
        return True
    try:
        return ssl.create_default_context(cafile=access.certificate)
    except (OSError, ssl.SSLError):
        raise _untrusted(UNREADABLE, where) from None


def _untrusted(why: Distrust, where: str) -> ConfigError:
    return ConfigError("source.certificate", why.what, where=where, remedy=why.remedy)


def _distrusted(error: BaseException | None) -> int | None:
    """Give OpenSSL's number of why a certificate is not trusted, where an error says so."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_code
        error = error.__cause__ or error.__context__
    return None
