"""People who look at the pages, for tests that are about something else than signing in."""

from __future__ import annotations

import re

import httpx

from pophub.web.visitors import COOKIE, Visitor

TOKEN = "the token of each form"


def viewer() -> Visitor:
    """Somebody who may see."""
    return Visitor("Vy", "viewer", TOKEN)


def operator() -> Visitor:
    """Somebody who may act."""
    return Visitor("Oanh", "operator", TOKEN)


def auditor() -> Visitor:
    """Somebody who may see who revealed what."""
    return Visitor("An", "auditor", TOKEN)


def form_of(page: str, action: str) -> dict[str, str]:
    """Give the hidden fields of the form of a page whose address begins so."""
    (form,) = re.findall(rf'<form[^>]* action="{re.escape(action)}[^"]*"[^>]*>(.*?)</form>', page, re.S)[:1]
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form))


def signed_in(client: httpx.Client, name: str, password: str, back: str = "/") -> bool:
    """Sign in as a person does, by the form; tell whether it let the person in."""
    page = client.get("/sign-in", params={"lang": "en"})
    sent = form_of(page.text, "/sign-in") | {"name": name, "password": password, "back": back}
    answer = client.post("/sign-in?lang=en", data=sent)
    return answer.status_code == 303 and COOKIE in client.cookies
