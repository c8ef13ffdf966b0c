"""The webhook of alerts: one POST a notice, repeated with the same idempotency key until it is taken."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from pophub.domain.errors import ConfigError, PophubError, TransientError

ADDRESS, PRIVATE = "POPHUB_ALERT_WEBHOOK", "POPHUB_ALERT_WEBHOOK_PRIVATE"
TIMEOUT_S = 10
TRIES = 4


class WebhookSink:
    """Posts notices as JSON to one address. The address may hold a secret: it is told nowhere.

    Units: `wait_s` is the first pause between tries; each further one is twice as long.
    """

    name, at_once = "webhook", 1

    def __init__(self, url: str, *, private: bool, wait_s: float = 1) -> None:
        self._text, self._private, self._wait_s = url, private, wait_s

    def tell(self, notices: Sequence[tuple[int, Mapping[str, Any]]]) -> int:
        """Post each notice; one that the other side refuses for good (4xx) is counted and left behind."""
        refused = 0
        url = self._checked()
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            for number, document in notices:
                for attempt in Retrying(
                    stop=stop_after_attempt(TRIES), wait=wait_exponential(self._wait_s, max=30),
                    retry=retry_if_exception_type(TransientError), reraise=True,
                ):  # fmt: skip
                    with attempt:
                        refused += not self._post(client, url, number, document)
        return refused

    def _checked(self) -> httpx.URL:
        try:
            url = httpx.URL(self._text)
        except httpx.InvalidURL:
            raise _refused("the address is no URL") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise _refused("the address is no http or https URL")
        return url

    def _post(self, client: httpx.Client, url: httpx.URL, number: int, document: Mapping[str, Any]) -> bool:
        host = url.host
        key = f"pophub-{document['alert']}-{document['event']}-{number}"
        try:
            response = client.post(
                url.copy_with(host=self._address(host, url.port or 443)),
                json=dict(document),
                headers={"Host": url.netloc.decode("ascii"), "Idempotency-Key": key},
                extensions={"sni_hostname": host},
            )
        except httpx.HTTPError as cause:
            raise _unreachable(type(cause).__name__) from None
        if response.status_code in (408, 425, 429) or response.status_code >= 500:
            raise _unreachable(f"status {response.status_code}")
        return response.is_success

    def _address(self, host: str, port: int) -> str:
        """Resolve the host once and give the address that was looked at, so that it is the one called."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise _unreachable("its name cannot be resolved") from None
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
        if not self._private and not all(a.is_global and not a.is_multicast for a in addresses):
            raise _refused("the address lies in a private or loopback network")
        return str(addresses[0])


def _refused(what: str) -> PophubError:
    return ConfigError(
        "alert.webhook_refused", what, where=ADDRESS,
        remedy=f"set {ADDRESS} to a public https address, or {PRIVATE}=allow where a private one is meant",
    )  # fmt: skip


def _unreachable(what: str) -> PophubError:
    return TransientError(
        "alert.webhook_unreachable", f"the webhook does not take alerts: {what}", where=ADDRESS,
        remedy="look at the receiver; alerts wait and are told next time, file and topic go on",
    )  # fmt: skip
