"""Signing in by an OpenID provider: a real one says who it is, the hub what they may, and nothing else lets anybody in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from browsed import LANGUAGES, OVERFLOW, besides_status, broken_rules, english_on, gone_when_doubled, opened
from hubkit import PROJECT
from oidc_kit import SECRET, OpenIdProvider, application
from serving import served

from pophub.settings import Settings
from pophub.web.app import create_pages
from pophub.web.oidc import BACK, BEGIN, SEALED_S, declared
from pophub.web.visitors import COOKIE
from tests.refused import refused

pytestmark = pytest.mark.timeout(120)
PICTURES = PROJECT / "build" / "pages"
ROLES = {"hub-operators": "operator", "hub-lookers": "viewer"}
PEOPLE = {
    "oanh": {"preferred_username": "oanh", "groups": ["staff", "hub-operators"]},
    "vy": {"preferred_username": "vy", "groups": ["hub-lookers", "hub-operators-former"]},
    "nobody": {"preferred_username": "nobody", "groups": ["staff"]},
    "groupless": {"preferred_username": "groupless"},
    "nameless": {"groups": ["hub-operators"]},
    "both": {"preferred_username": "both", "groups": ["hub-lookers", "hub-operators"]},
}


class World(NamedTuple):
    """The provider and the pages, each on a port of its own."""

    provider: OpenIdProvider
    pages: str

    def browser(self) -> httpx.Client:
        """Open a browser that follows nothing by itself."""
        return httpx.Client(base_url=self.pages, timeout=20)


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home, found = tmp_path_factory.mktemp("oidc"), list[OpenIdProvider]()
    with pytest.MonkeyPatch.context() as patch, served(application(lambda: found[0])) as issuer:
        found.append(OpenIdProvider(issuer, PEOPLE))
        declare(patch, home, issuer)
        with served(create_pages(Settings.load())) as pages:
            found[0].know("pophub", pages + BACK)
            found[0].know("another", "http://127.0.0.1:1/back", "another secret of another client")
            yield World(found[0], pages)


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    provider = _world.provider
    provider.asked.clear()
    yield _world
    provider.err, provider.forge = None, provider.sign
    provider.signed_in, provider.algorithms = "oanh", ["RS256"]


def declare(patch: pytest.MonkeyPatch, home: Path, issuer: str, **more: str) -> None:
    told = {
        "HOME": str(home), "POSTGRES_PORT": "1", "OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "pophub",
        "SECRET_WEB_OIDC": SECRET, "OIDC_ROLES": json.dumps(ROLES), **more,
    }  # fmt: skip
    for name, value in told.items():
        patch.setenv(f"POPHUB_{name}", value)


def sign_in(world: World, browser: httpx.Client, back: str = "/workbench") -> httpx.Response:
    """Go to the provider and back as a browser does; give the hub's answer to the return."""
    sent = browser.get(BEGIN, params={"back": back, "lang": "en"})
    assert sent.status_code == 302, sent.text
    there = httpx.get(sent.headers["location"])
    assert there.status_code == 302, there.text
    return browser.get(there.headers["location"])


def refusal(answer: httpx.Response) -> str:
    """Give code and reason of a sign-in that let nobody in."""
    assert COOKIE not in answer.cookies and 'name="password"' in answer.text
    found = re.findall(r"<code>(oidc[^<]*)</code>(?:: <code>([^<]*)</code>)?", answer.text)
    return " ".join(found[0])


def test_who_the_provider_knows_has_the_role_of_the_group_until_the_session_ends(world: World) -> None:
    with world.browser() as browser:
        form = browser.get("/sign-in", params={"lang": "vi"})
        assert f"Đăng nhập tại {urlsplit(world.provider.issuer).netloc}" in form.text
        answer = sign_in(world, browser, "/workbench?stem=mps.citizens")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/workbench?stem=mps.citizens&lang=en"
        kept = next(c for c in browser.cookies.jar if c.name == COOKIE)
        assert kept.has_nonstandard_attr("HttpOnly") and kept.get_nonstandard_attr("SameSite") == "lax"
        page = browser.get("/workbench?lang=en")
        assert page.status_code == 200 and "oidc user oanh (operator)" in page.text
        (token,) = set(
            re.findall(r'action="/sign-out[^>]*><input type="hidden" name="token" value="([^"]*)"', page.text)
        )
        assert browser.post("/sign-out", data={"token": token}).status_code == 303
        assert browser.get("/workbench").status_code == 401
    world.provider.signed_in = "vy"
    with world.browser() as browser:
        assert sign_in(world, browser).status_code == 303
        assert browser.get("/workbench").status_code == 403, "a viewer pastes no connector"
        assert "oidc user vy (viewer)" in browser.get("/?lang=en").text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_in_a_browser_the_way_in_is_whole_and_leads_to_where_somebody_wanted_to_be(
    chromium: Any, world: World, lang: str
) -> None:
    flaws: list[str] = []
    for system in ("light", "dark"):
        with opened(chromium, system, java_script_enabled=system == "light") as (page, wrong):
            for name, path in (("sign-in", "/workbench"), ("sign-in-refused", BACK)):
                for width in (1280, 400):
                    page.set_viewport_size({"width": width, "height": 900})
                    page.goto(f"{world.pages}{path}?lang={lang}")
                    flaws += [f"{name} is wider than {width}"] if page.evaluate(OVERFLOW) > 0 else []
                    page.screenshot(path=PICTURES / f"{name}-{lang}-{system}-{width}.png", full_page=True)
                flaws += [f"{name}: {word} is English" for word in english_on(page) if lang == "vi"]
                if system == "light":
                    flaws += broken_rules(page) + gone_when_doubled(page)
            page.goto(f"{world.pages}/workbench?lang={lang}")
            page.keyboard.press("Tab")
            page.locator("a.first").focus()
            page.keyboard.press("Enter")
            page.wait_for_url(f"{world.pages}/workbench?lang={lang}")
            assert "oidc user oanh" in page.locator("header").inner_text()
        assert besides_status(wrong) == []
    assert not flaws, "\n".join(flaws)


def test_behind_a_proxy_with_tls_cookies_and_return_address_are_of_https(world: World) -> None:
    with httpx.Client(base_url=world.pages, headers={"x-forwarded-proto": "https"}) as browser:
        for path in ("/sign-in", BEGIN):
            answer = browser.get(path)
            told = answer.headers.get_list("set-cookie")
            assert told and all(
                "Secure" in one and "HttpOnly" in one and "SameSite=lax" in one for one in told
            )
        asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert asked["redirect_uri"] == f"https://{urlsplit(world.pages).netloc}{BACK}"


def test_the_request_has_state_nonce_and_a_challenge_and_each_is_new(world: World) -> None:
    with world.browser() as browser:
        sign_in(world, browser), sign_in(world, browser)
    first, second = world.provider.asked
    assert first["code_challenge_method"] == "S256" and first["response_type"] == "code"
    assert first["scope"] == "openid profile" and first["redirect_uri"] == world.pages + BACK
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 20 and first[name] != second[name]
    assert SECRET not in str(world.provider.asked)


@pytest.mark.parametrize(
    ("person", "wanted"),
    [
        ("nobody", "oidc.role groups"),
        ("groupless", "oidc.role groups"),
        ("nameless", "oidc.refused missing_name"),
    ],
)
def test_who_has_no_role_or_no_name_is_not_let_in(world: World, person: str, wanted: str) -> None:
    world.provider.signed_in = person
    with world.browser() as browser:
        answer = sign_in(world, browser)
        assert answer.status_code == 403 and refusal(answer) == wanted
        assert browser.get("/").status_code == 401


def test_with_a_secret_that_is_not_the_providers_nobody_gets_in(world: World) -> None:
    world.provider.know("pophub", world.pages + BACK, "anotherSecretOfTheHub")
    try:
        with world.browser() as browser:
            assert refusal(sign_in(world, browser)) == "oidc.refused invalid_client"
    finally:
        world.provider.know("pophub", world.pages + BACK)


def test_of_two_groups_the_one_that_is_declared_first_counts(world: World) -> None:
    world.provider.signed_in = "both"
    with world.browser() as browser:
        assert sign_in(world, browser).status_code == 303
        assert "oidc user both (operator)" in browser.get("/workbench?lang=en").text


HOUR = 3600
TOKENS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "for another client": (lambda c: c.update(aud=["another"]), "invalid_claim"),
    "for another, asked for by us": (lambda c: c.update(aud=["another"], azp="pophub"), "invalid_claim"),
    "for us and another, asked for by it": (lambda c: c.update(aud=["pophub", "another"], azp="another"), "invalid_claim"),
    "for nobody": (lambda c: c.pop("aud"), "missing_claim"),
    "expired": (lambda c: c.update(exp=int(time.time()) - HOUR, iat=int(time.time()) - 2 * HOUR), "expired_token"),
    "without an end": (lambda c: c.pop("exp"), "missing_claim"),
    "of tomorrow": (lambda c: c.update(nbf=int(time.time()) + HOUR), "invalid_claim"),
    "of another issuer": (lambda c: c.update(iss="http://127.0.0.1:1"), "invalid_claim"),
    "of another sign-in": (lambda c: c.update(nonce="another"), "invalid_claim"),
    "of no sign-in": (lambda c: c.pop("nonce"), "missing_claim"),
    "of nobody": (lambda c: c.pop("sub"), "missing_claim"),
}  # fmt: skip


@pytest.mark.parametrize("which", list(TOKENS))
def test_a_token_that_does_not_hold_lets_nobody_in(world: World, which: str) -> None:
    world.provider.err, reason = TOKENS[which]
    with world.browser() as browser:
        answer = sign_in(world, browser)
        assert answer.status_code == 403 and refusal(answer) == f"oidc.refused {reason}"
        world.provider.err = None
        assert sign_in(world, browser).status_code == 303, "a sound one of the same provider does"


@pytest.mark.parametrize(
    ("signature", "reason"),
    [("by_stranger", "bad_signature"), ("by_secret", "unsupported_algorithm"), ("unsigned", "unsupported_algorithm")],
)  # fmt: skip
def test_a_token_that_the_providers_own_key_did_not_sign_lets_nobody_in(
    world: World, signature: str, reason: str
) -> None:
    world.provider.algorithms = ["RS256", "HS256", "none"]
    with served(create_pages(Settings.load())) as pages:  # it reads anew what the provider says of itself
        world.provider.know("pophub", pages + BACK)
        try:
            world.provider.forge = getattr(world.provider, signature)
            with httpx.Client(base_url=pages, timeout=20) as browser:
                assert refusal(sign_in(world, browser)) == f"oidc.refused {reason}"
                world.provider.forge = world.provider.sign
                assert sign_in(world, browser).status_code == 303
        finally:
            world.provider.know("pophub", world.pages + BACK)


def test_a_return_that_this_browser_did_not_ask_for_lets_nobody_in(world: World) -> None:
    with world.browser() as victim, world.browser() as stranger:
        sent = stranger.get(BEGIN)
        there = httpx.get(sent.headers["location"]).headers["location"]
        assert refusal(victim.get(there)) == "oidc.refused no_sign_in_begun", "a login forced on another"
        victim.get(BEGIN)
        assert refusal(victim.get(there)) == "oidc.refused mismatching_state"
        assert victim.get("/").status_code == 401
        stateless = dict(parse_qsl(urlsplit(there).query)) | {"state": ""}
        assert refusal(stranger.get(BACK, params=stateless)) == "oidc.refused mismatching_state"
    with world.browser() as browser:
        first = browser.get(BEGIN)
        there = httpx.get(first.headers["location"]).headers["location"]
        kept = dict(browser.cookies)
        assert browser.get(there).status_code == 303
        again = httpx.get(there, cookies=kept)
        assert refusal(again) == "oidc.refused invalid_grant", "a code counts once"


def test_a_code_of_another_client_or_without_its_verifier_lets_nobody_in(world: World) -> None:
    with world.browser() as one, world.browser() as two:
        codes = []
        for browser in (one, two):
            there = httpx.get(browser.get(BEGIN).headers["location"]).headers["location"]
            codes.append(dict(parse_qsl(urlsplit(there).query)))
        stolen = codes[1] | {"code": codes[0]["code"]}
        assert refusal(two.get(BACK, params=stolen)) == "oidc.refused invalid_grant", (
            "PKCE: the verifier is another"
        )
        assert (
            refusal(one.get(BACK, params=codes[0] | {"iss": "http://127.0.0.1:1"}))
            == "oidc.refused invalid_issuer"
        )


@pytest.mark.parametrize(
    ("said", "shown"), [("access_denied", "access_denied"), ("<script>", "unknown_reason"), ("Ring 113 now", "unknown_reason")]
)  # fmt: skip
def test_what_the_provider_says_instead_of_a_code_is_told_by_a_word_alone(
    world: World, said: str, shown: str
) -> None:
    with world.browser() as browser:
        browser.get(BEGIN)
        answer = browser.get(BACK, params={"error": said, "error_description": "Pay here"})
        assert refusal(answer) == f"oidc.refused {shown}" and "Pay here" not in answer.text


def test_a_sign_in_that_took_too_long_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pophub.web.oidc.SEALED_S", -1)
    with world.browser() as browser:
        assert SEALED_S > 0 and refusal(sign_in(world, browser)) == "oidc.refused no_sign_in_begun"


@pytest.mark.parametrize(
    ("issuer", "status", "wanted"),
    [("http://127.0.0.1:1", 503, "oidc.unreachable POPHUB_OIDC_ISSUER"), ("{own}/", 403, "oidc.refused invalid_issuer")],
)  # fmt: skip
def test_where_the_provider_is_away_or_is_another_a_login_of_the_hub_still_signs_in(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str, status: int, wanted: str
) -> None:
    declare(monkeypatch, tmp_path, issuer.format(own=world.provider.issuer))
    with served(create_pages(Settings.load())) as pages, httpx.Client(base_url=pages, timeout=20) as browser:
        for _ in range(2):
            answer = browser.get(BEGIN, params={"lang": "vi"})
            assert (answer.status_code, refusal(answer)) == (status, wanted)
        assert "hà cung cấp OpenID" in answer.text and "Or with" not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"OIDC_ISSUER": "http://login.example"}, {"OIDC_ISSUER": "login.example"}, {"OIDC_CLIENT_ID": ""},
        {"SECRET_WEB_OIDC": ""}, {"OIDC_ROLES": ""}, {"OIDC_ROLES": "{}"}, {"OIDC_ROLES": '{"staff": "king"}'},
        {"OIDC_ROLES": '["operator"]'}, {"OIDC_ROLES": "hub-operators=operator"},
    ],
)  # fmt: skip
def test_a_provider_that_is_declared_wrongly_is_told_and_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    declare(monkeypatch, tmp_path, "https://login.example", **wrong)
    with refused("oidc.declared"):
        declared(Settings.load())
    assert not (tmp_path / "secrets").exists(), "no secret is made in its place"
    with served(create_pages(Settings.load())) as pages:
        assert refusal(httpx.get(pages + BEGIN)).startswith("oidc.declared")


def test_the_secret_may_stand_in_a_file_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, tmp_path, "https://login.example", SECRET_WEB_OIDC="", OIDC_SCOPE="")
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets/web.oidc").write_text(f"{SECRET}\n")
    found = declared(Settings.load())
    assert (found.secret, found.scope) == (SECRET, "openid profile"), "as compose hands on what nobody set"


def test_undeclared_there_is_no_way_to_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, tmp_path, "")
    with served(create_pages(Settings.load())) as pages:
        assert "oidc" not in httpx.get(f"{pages}/sign-in").text
        for path in (BEGIN, BACK):
            assert httpx.get(pages + path).status_code in (401, 404)
