"""The read part of the Confluent Schema Registry's REST API, so that any Avro consumer works.

*Source*: Confluent Platform, "Schema Registry API Reference"; error codes are those of that page.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from pophub.domain.errors import PophubError
from pophub.web.counts import NOTICES, SCHEMAS, Counts, Row
from pophub.web.login import SEEN

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
NO_SUBJECT, NO_VERSION, NO_SCHEMA = 40401, 40402, 40403


class RegistryError(Exception):
    """A question that the registry answers with an error code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class RegistryResponse(JSONResponse):
    """JSON under the registry's own media type."""

    media_type = MEDIA_TYPE


async def refusal(_request: Request, error: Exception) -> Response:
    """Answer in the registry's form."""
    assert isinstance(error, RegistryError)
    return RegistryResponse({"error_code": error.code, "message": error.message}, error.status)


async def out_of_order(_request: Request, error: Exception) -> Response:
    """Say in the registry's form that the hub cannot look."""
    assert isinstance(error, PophubError)
    message = f"the hub's database does not answer ({error.code})"
    return RegistryResponse({"error_code": 50001, "message": message}, 500)


def router(counts: Counts) -> APIRouter:
    """Make the routes; each answer is read anew, so a new contract shows at once."""
    routes = APIRouter(default_response_class=RegistryResponse)
    _by_id(routes, counts)
    _by_subject(routes, counts)
    _settings(routes)
    return routes


def _by_id(routes: APIRouter, counts: Counts) -> None:
    @routes.get("/schemas/types")
    def types() -> list[str]:
        return ["AVRO"]

    @routes.get("/schemas/ids/{number}")
    def schema(number: int) -> dict[str, Any]:
        return {"schema": _of_id(counts, number)[0]["schema"]}

    @routes.get("/schemas/ids/{number}/schema")
    def bare(number: int) -> Response:
        return Response(_of_id(counts, number)[0]["schema"], media_type=MEDIA_TYPE)

    @routes.get("/schemas/ids/{number}/versions")
    def versions(number: int) -> list[dict[str, Any]]:
        found = _of_id(counts, number)
        return [{"subject": row["subject"], "version": row["version"]} for row in found]

    @routes.get("/schemas/ids/{number}/subjects")
    def subjects(number: int) -> list[str]:
        return sorted({row["subject"] for row in _of_id(counts, number)})


def _by_subject(routes: APIRouter, counts: Counts) -> None:
    @routes.get("/subjects")
    def subjects(subjectPrefix: str = "") -> list[str]:
        names = {row["subject"] for row in _seen(counts)}
        return sorted(name for name in names if name.startswith(subjectPrefix))

    @routes.get("/subjects/{subject}/versions")
    def versions(subject: str) -> list[int]:
        return [row["version"] for row in _of_subject(counts, subject)]

    @routes.get("/subjects/{subject}/versions/{version}")
    def one(subject: str, version: str) -> dict[str, Any]:
        return _told(_version(counts, subject, version))

    @routes.get("/subjects/{subject}/versions/{version}/schema")
    def bare(subject: str, version: str) -> Response:
        row = _version(counts, subject, version)
        return Response(row["schema"], media_type=MEDIA_TYPE)

    @routes.get("/subjects/{subject}/versions/{version}/referencedby")
    def referenced(subject: str, version: str) -> list[int]:
        _version(counts, subject, version)
        return []

    @routes.get("/subjects/{subject}/notices")
    def notices(subject: str) -> list[dict[str, Any]]:
        _of_subject(counts, subject)
        return [row | {"starts": str(row["starts"]), "acknowledged_at": row["acknowledged_at"].isoformat()}
                for row in counts.rows(NOTICES, subject=subject)]  # fmt: skip

    @routes.post("/subjects/{subject}")
    async def lookup(subject: str, request: Request) -> dict[str, Any]:
        wanted = _schema_in(await request.body())
        for row in reversed(await run_in_threadpool(_of_subject, counts, subject)):
            if json.loads(row["schema"]) == wanted:
                return _told(row)
        raise RegistryError(404, NO_SCHEMA, "Schema not found")

    @routes.post("/subjects/{subject}/versions")
    def register(subject: str) -> None:
        message = f"Subject {subject} is in read-only mode: contracts are registered by the hub"
        raise RegistryError(422, 42205, message)


def _settings(routes: APIRouter) -> None:
    @routes.get("/")
    def root() -> dict[str, str]:
        return {}

    @routes.get("/config")
    def config() -> dict[str, str]:
        return {"compatibilityLevel": "BACKWARD"}

    @routes.get("/config/{subject}")
    def config_of(subject: str, defaultToGlobal: bool = False) -> dict[str, str]:
        if defaultToGlobal:
            return config()
        message = f"Subject '{subject}' does not have subject-level compatibility configured"
        raise RegistryError(404, 40408, message)

    @routes.get("/mode")
    def mode() -> dict[str, str]:
        return {"mode": "READONLY"}

    @routes.api_route("/{_path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    def unknown(_path: str) -> None:
        raise RegistryError(404, 404, "HTTP 404 Not Found")


def _seen(counts: Counts) -> list[Row]:
    """Give the schemas that who asks may see; to it there are no others."""
    seen = SEEN.get()
    return [row for row in counts.rows(SCHEMAS) if seen is None or row["subject"] in seen]


def _of_id(counts: Counts, number: int) -> list[Row]:
    found = [row for row in _seen(counts) if row["id"] == number]
    if not found:
        raise RegistryError(404, NO_SCHEMA, f"Schema {number} not found")
    return found


def _of_subject(counts: Counts, subject: str) -> list[Row]:
    found = [row for row in _seen(counts) if row["subject"] == subject]
    if not found:
        raise RegistryError(404, NO_SUBJECT, f"Subject '{subject}' not found.")
    return found


def _version(counts: Counts, subject: str, version: str) -> Row:
    found = _of_subject(counts, subject)
    if version in ("latest", "-1"):
        return found[-1]
    if not (version.isascii() and version.isdigit() and 0 < int(version) < 2**31):
        message = f"The specified version '{version}' is not a valid version id."
        raise RegistryError(422, 42202, message)
    for row in found:
        if row["version"] == int(version):
            return row
    raise RegistryError(404, NO_VERSION, f"Version {version} not found.")


def _told(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("subject", "version", "id", "schema")}


def _schema_in(body: bytes) -> Any:
    try:
        asked = json.loads(body)
        if asked.get("schemaType", "AVRO") == "AVRO":
            return json.loads(asked["schema"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise RegistryError(422, 42201, "Either the input schema or one of its references is invalid")
