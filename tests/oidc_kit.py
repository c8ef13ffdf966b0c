"""A real OpenID provider (idpyoidc's) on a port of this machine, and how to have it err: its answers are signed all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from cryptojwt.jwk.hmac import SYMKey
from cryptojwt.jwk.rsa import new_rsa_key
from cryptojwt.jws.jws import JWS, factory
from fastapi import FastAPI, Request, Response
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.exception import ClientAuthenticationError
from idpyoidc.server.user_authn.user import NoAuthn
from idpyoidc.server.user_info import UserInfo

OP = "idpyoidc.server.oidc"
SECRET = "theSecretThatTheHubHasAtItsProvider"


class OpenIdProvider:
    """Shape: `people` from a name to claims; `signed_in` is who sits at the browser; `err` changes an id token's claims,
    `forge` signs them."""

    def __init__(self, issuer: str, people: dict[str, dict[str, Any]]) -> None:
        self.issuer, self.signed_in = issuer, next(iter(people))
        self.err: Callable[[dict[str, Any]], Any] | None = None
        self.forge: Callable[[dict[str, Any]], str] = self.sign
        self.algorithms, self.asked = ["RS256"], list[dict[str, str]]()
        endpoint = {
            "provider_config": (".well-known/openid-configuration", "provider_config.ProviderConfiguration", {}),
            "authorization": ("authorization", "authorization.Authorization", {"response_types_supported": ["code"]}),
            "token": ("token", "token.Token", {"client_authn_method": ["client_secret_basic"]}),
        }  # fmt: skip
        keys = [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}]
        once = {"key_defs": [{"type": "OCT", "use": ["enc"], "kid": kid} for kid in ("password", "salt")]}
        told = {
            "issuer": issuer, "key_conf": {"key_defs": keys, "uri_path": "jwks.json"},
            "preference": {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]},
            "authentication": {"known": {"acr": "known", "class": NoAuthn, "kwargs": {"user": self.signed_in}}},
            "userinfo": {"class": UserInfo, "kwargs": {"db": people}},
            "add_on": {"pkce": {"function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
                                "kwargs": {"essential": True, "code_challenge_methods": {"S256": None}}}},
            "endpoint": {name: {"path": path, "class": f"{OP}.{kind}", "kwargs": more} for name, (path, kind, more) in endpoint.items()},
            "token_handler_args": {
                "code": {"lifetime": 600, "kwargs": {}},
                "token": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 3600}},
                "id_token": {"class": "idpyoidc.server.token.id_token.IDToken",
                             "kwargs": {"base_claims": {"preferred_username": None, "groups": None}}},
            },
            "session_params": {"encrypter": {"kwargs": {"keys": once, "iterations": 1}}},
        }  # fmt: skip
        self.server = Server(OPConfiguration(conf=told))

    def know(self, client: str, back: str, secret: str = SECRET) -> None:
        """Make a client known, which may be sent back to one address alone."""
        self.server.context.cdb[client] = {
            "client_id": client, "client_secret": secret, "redirect_uris": [(back, "")], "response_types": ["code"],
            "allowed_scopes": ["openid", "profile"], "token_endpoint_auth_method": "client_secret_basic",
        }  # fmt: skip
        self.server.keyjar.add_symmetric(client, secret)

    def metadata(self) -> dict[str, Any]:
        """Give what the provider says of itself."""
        endpoint = self.server.get_endpoint("provider_config")
        asked = endpoint.parse_request({})
        told = json.loads(endpoint.do_response(request=asked, **endpoint.process_request(asked))["response"])
        return told | {"id_token_signing_alg_values_supported": self.algorithms}

    def authorize(self, asked: dict[str, str]) -> Response:
        """Send whoever sits at the browser back with a code."""
        self.asked.append(asked)
        self.server.context.authn_broker.db["known"]["method"].user = self.signed_in
        endpoint = self.server.get_endpoint("authorization")
        request = endpoint.parse_request(asked)
        if "error" in request:
            return Response(request.to_json(), 400)
        done = endpoint.process_request(request, http_info={"headers": {}})
        return Response(status_code=302, headers={"location": endpoint.do_response(request=request, **done)["response"]})  # fmt: skip

    def token(self, asked: dict[str, str], authorization: str) -> Response:
        """Give the tokens for a code, where client, secret, address and verifier are those that it was given for."""
        endpoint = self.server.get_endpoint("token")
        try:
            request = endpoint.parse_request(asked, http_info={"headers": {"authorization": authorization}})
        except ClientAuthenticationError:
            return Response('{"error": "invalid_client"}', 401, media_type="application/json")
        if "error" in request:
            return Response(request.to_json(), 400, media_type="application/json")
        told = json.loads(
            endpoint.do_response(request=request, **endpoint.process_request(request))["response"]
        )
        claims = factory(told["id_token"]).jwt.payload()
        if self.err is not None:
            self.err(claims)
        told["id_token"] = self.forge(claims)
        return Response(json.dumps(told), media_type="application/json")

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign claims by the key that the provider publishes."""
        return str(
            JWS(json.dumps(claims), alg="RS256").sign_compact(self.server.keyjar.get_signing_key("RSA"))
        )

    def by_stranger(self, claims: dict[str, Any]) -> str:
        """Sign claims by a key of somebody else, under the name of the published one."""
        (own,) = self.server.keyjar.get_signing_key("RSA")
        return str(JWS(json.dumps(claims), alg="RS256").sign_compact([new_rsa_key(kid=own.kid)]))

    def by_secret(self, claims: dict[str, Any]) -> str:
        """Sign claims by the secret that the client has as well."""
        return str(JWS(json.dumps(claims), alg="HS256").sign_compact([SYMKey(key=SECRET)]))

    def unsigned(self, claims: dict[str, Any]) -> str:
        """Sign nothing."""
        return str(JWS(json.dumps(claims), alg="none").sign_compact())


def application(provider: Callable[[], OpenIdProvider]) -> FastAPI:
    """Make the provider's own web application."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, Any]:
        return provider().metadata()

    @app.get("/jwks.json")
    def keys() -> dict[str, Any]:
        return dict(provider().server.keyjar.export_jwks(""))

    @app.get("/authorization")
    def authorize(request: Request) -> Response:
        return provider().authorize(dict(request.query_params))

    @app.post("/token")
    async def token(request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode()))
        return provider().token(asked, request.headers.get("authorization", ""))

    return app
