"""Sign in by an OpenID provider, where one is declared and the pages are served alone: the code flow with PKCE, by Authlib.

The provider says who somebody is; which role that gives is declared here, by the values of one claim, and whoever has
none of them is refused. What a sign-in has to remember until the provider sends the person back (state, nonce, PKCE's
verifier, where to go) is sealed in a cookie of that browser: nobody fills this process's memory without a login.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from cryptography.fernet import Fernet, InvalidToken
from fastapi import Request, Response
from httpx2 import HTTPError, InvalidURL
from joserfc.errors import JoseError

from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.settings import Settings, secret_variable
from pophub.web.visitors import RIGHTS

ISSUER, CLIENT = "POPHUB_OIDC_ISSUER", "POPHUB_OIDC_CLIENT_ID"
CLAIM, ROLES = "POPHUB_OIDC_CLAIM", "POPHUB_OIDC_ROLES"
NAME, SCOPE = "POPHUB_OIDC_NAME", "POPHUB_OIDC_SCOPE"
SECRET = "web.oidc"  # noqa: S105 - its name
BEGIN, BACK = "/sign-in/oidc", "/sign-in/oidc/back"
ANSWER_S, LEEWAY_S, SEALED_S = 5.0, 60, 600
"""How long the provider may take, how far its clock may be off, and how long a person may take to sign in there."""
SIGNED = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {"EdDSA"}
"""Signatures by a key that the provider alone has."""
MOST_NAME = 128
_REASON = re.compile(r"[a-z][a-z_]{1,40}")


class DeclaredProvider(NamedTuple):
    """The provider as it is declared. Shape: `roles` from a value of `claim` to a role, the first that fits counts."""

    issuer: str
    client: str
    secret: str
    claim: str
    roles: Mapping[str, str]
    name: str
    scope: str


class ProviderPerson(NamedTuple):
    """Whom the provider sent: the name that stands on record, and the role that is declared for them."""

    name: str
    role: str


def provider_named() -> str:
    """Give the host of the provider that is declared; nothing where none is, and there is no address of it then."""
    issuer = os.environ.get(ISSUER, "").strip()
    return urlsplit(issuer).netloc or issuer


def declared(settings: Settings) -> DeclaredProvider:
    """Read the provider from the environment; its secret also from a file of the home.

    Errors: `oidc.declared`.
    """
    known = os.environ.get
    issuer, client = known(ISSUER, "").strip(), known(CLIENT, "").strip()
    place = urlsplit(issuer)
    if place.scheme != "https" and not (place.scheme == "http" and _is_loopback(place.hostname or "")):
        raise _undeclared(f"{ISSUER} is no https address")
    if not client or not settings.has_secret(SECRET):
        raise _undeclared(f"{CLIENT if not client else secret_variable(SECRET)} is not set")
    scope = " ".join(dict.fromkeys(["openid", *(known(SCOPE) or "profile").split()]))
    claim, name = known(CLAIM) or "groups", known(NAME) or "preferred_username"
    return DeclaredProvider(
        issuer, client, settings.secret(SECRET), claim, _roles(known(ROLES, "")), name, scope
    )


def _roles(told: str) -> Mapping[str, str]:
    try:
        roles = json.loads(told or "{}")
    except ValueError:
        roles = None
    if not isinstance(roles, dict) or not roles or not all(role in RIGHTS for role in roles.values()):
        raise _undeclared(f'{ROLES} is no JSON object such as {{"hub-operators": "operator"}}')
    return roles


def _undeclared(what: str) -> ConfigError:
    return ConfigError(
        "oidc.declared", what, where=what.partition(" ")[0], remedy="set it as docs/operate.md tells, and start the pages again"
    )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Provider:
    """The OpenID provider: asked when somebody wants to sign in, never before."""

    def __init__(self, told: DeclaredProvider) -> None:
        self.told, self._seal = told, Fernet(Fernet.generate_key())
        self._client: Any = OAuth().register(
            "hub", client_id=told.client, client_secret=told.secret,
            server_metadata_url=f"{told.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": told.scope, "code_challenge_method": "S256", "timeout": ANSWER_S},
        )  # fmt: skip

    async def begin(self, request: Request, back: str, lang: str) -> tuple[Response, str]:
        """Send a person to the provider; give also what their browser has to bring back.

        Errors: `oidc.unreachable`, `oidc.refused`.
        """
        request.scope["session"] = {}  # where Authlib puts state, nonce and verifier
        with _told():
            await self._know()
            answer = await self._client.authorize_redirect(request, _address(request))
        kept = json.dumps({"session": request.session, "back": back, "lang": lang})
        return answer, self._seal.encrypt(kept.encode()).decode()

    async def end(self, request: Request, sealed: str) -> tuple[ProviderPerson, str, str]:
        """Take a person back from the provider; give who it is, where they wanted to go, and in which language.

        Errors: `oidc.refused` where anything of the answer does not hold, `oidc.unreachable`; `oidc.role`.
        """
        try:
            kept = json.loads(self._seal.decrypt(sealed.encode(), ttl=SEALED_S))
        except (InvalidToken, ValueError):
            raise _refused("no_sign_in_begun") from None
        if request.query_params.get("iss", self.told.issuer) != self.told.issuer:
            raise _refused("invalid_issuer")
        request.scope["session"] = kept["session"]
        wanted = {
            "iss": {"essential": True, "value": self.told.issuer},
            "aud": {"essential": True, "value": self.told.client},
        }
        with _told():
            await self._know()
            token = await self._client.authorize_access_token(request, claims_options=wanted, leeway=LEEWAY_S)
        return self._person(token.get("userinfo") or {}), kept["back"], kept["lang"]

    async def _know(self) -> None:
        """Read what the provider says of itself, once; take no signature by a key that others have too."""
        known = await self._client.load_server_metadata()
        if known.get("issuer") != self.told.issuer:
            known.clear()  # it is read again by the next who signs in
            raise _refused("invalid_issuer")
        offered = known.get("id_token_signing_alg_values_supported") or ["RS256"]
        known["id_token_signing_alg_values_supported"] = [one for one in offered if one in SIGNED]

    def _person(self, claims: Mapping[str, Any]) -> ProviderPerson:
        if not claims:
            raise _refused("missing_id_token")
        name, values = claims.get(self.told.name), claims.get(self.told.claim)
        has = (
            {values}
            if isinstance(values, str)
            else {*map(str, values)}
            if isinstance(values, list)
            else set()
        )
        role = next((role for value, role in self.told.roles.items() if value in has), None)
        if role is None:
            raise ConfigError(
                "oidc.role", "the provider gives no role here", where=self.told.claim,
                remedy=f"the provider has to name one of {ROLES} in this claim",
            )  # fmt: skip
        if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME or not name.isprintable():
            raise _refused("missing_name")
        return ProviderPerson(f"oidc user {name}", role)


def _address(request: Request) -> str:
    """Give the address that the provider sends people back to: the pages' own, as this browser knows them."""
    return str(request.base_url).rstrip("/") + BACK


@contextmanager
def _told() -> Iterator[None]:
    """Translate what Authlib says into errors of ours; no text of the provider's goes further."""
    try:
        yield
    except PophubError:
        raise
    except (HTTPError, InvalidURL):
        raise TransientError(
            "oidc.unreachable", "the OpenID provider does not answer", where=ISSUER,
            remedy="sign in with a login of the hub meanwhile; see whether the provider is up, and its certificate trusted here",
        ) from None  # fmt: skip
    except (AuthlibBaseError, JoseError) as error:
        found = str(error.error or "")
        raise _refused(found if _REASON.fullmatch(found) else "unknown_reason") from None
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        raise _refused("unreadable_answer") from None


def _refused(reason: str) -> ConfigError:
    return ConfigError(
        "oidc.refused", f"the provider's answer does not hold: {reason}", where=reason,
        remedy="sign in again; where it stays so, compare client, secret and return address with the provider's",
    )  # fmt: skip
