"""The first look at a source that is no database: a folder, an API or a topic, as `connector new` drafts from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from pophub.contracts.http_check import lacking
from pophub.contracts.source_model import HttpPages, HttpSource, Marker
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.errors import ConfigError
from pophub.drafting.plan import DraftWish, SourceDraft
from pophub.drafting.profile import profiles
from pophub.drafting.reading import draft_marker
from pophub.settings import Settings
from pophub.sources import access_of
from pophub.sources.survey import Survey, SurveyedForm

TOPICS = ("kafka", "kafkas")
APIS = ("http", "https")
ONE_PAGE = "none"


class LookWish(NamedTuple):
    """What the caller said of the source: `table` is a topic, a pattern of file names or the path of a list."""

    table: str | None
    pages: str | None


FirstLook = Callable[[Settings, DraftWish, str, LookWish, int], tuple[Survey, SourceDraft]]


def look_at(address: str) -> FirstLook | None:
    """Give how a source of this address is looked at; None where it is a database."""
    scheme, mark, _ = address.partition("://")
    if not mark:
        return _at_folder
    return _at_topic if scheme in TOPICS else _at_api if scheme in APIS else None


def _at_folder(
    settings: Settings, asked: DraftWish, address: str, wish: LookWish, rows: int
) -> tuple[Survey, SourceDraft]:
    from pophub.sources.folder_survey import survey_folder

    survey, form = survey_folder(Path(address), wish.table, rows, asked.stem)
    return survey, SourceDraft("files", form)


def _at_api(
    settings: Settings, asked: DraftWish, address: str, wish: LookWish, rows: int
) -> tuple[Survey, SourceDraft]:
    """Look at an API; login and certificate are those whose variables are set.

    Errors: `config.value` where `--pages` is none; those of `SurveyedApi.survey`.
    """
    from pophub.sources.http_survey import SurveyedApi

    keys: dict[str, Any] = {}
    token, user, secret, certificate = (_variable(settings, asked, part) for part in _PARTS)
    if token is not None:
        keys["login"] = {"secret": f"${{{token}}}"}
    elif user is not None and secret is not None:
        keys["login"] = {"user": f"${{{user}}}", "secret": f"${{{secret}}}"}
    if certificate is not None:
        keys["certificate"] = f"${{{certificate}}}"
    told = {"kind": "http", "url": f"${{{asked.variable}}}", "marker": {"column": "any"}, **keys}
    access = access_of(HttpSource.model_validate(told), settings, asked.stem)
    pages = _pages(wish.pages)
    with SurveyedApi(address, access, asked.stem) as api:
        survey, form = api.survey(wish.table, pages, wish.pages == ONE_PAGE, rows)
        found = draft_marker(survey, profiles(survey, {}), asked.marker, "http")
        since = api.since(Marker.model_validate(found.keys))
    if since is not None:
        form.keys["since"], form.why["since"] = since, "told a time, the API left out what is older"
    else:
        form.asks.append(
            "since: whether the API can be asked for what changed alone; until then all is read each time"
        )
    return survey, SourceDraft("http", form._replace(keys=keys | form.keys))


_PARTS = ("TOKEN", "USER", "SECRET", "CA")


def _variable(settings: Settings, asked: DraftWish, part: str) -> str | None:
    """Give the variable with a part of the login: beside that of the address, or the agency's own."""
    names = (f"{asked.variable.removesuffix('_URL')}_{part}", f"POPHUB_SOURCE_{asked.agency.upper()}_{part}")
    return next((name for name in names if _is_set(settings, name)), None)


def _pages(said: str | None) -> HttpPages | None:
    """Read `--pages` as a connector's file would be.

    Errors: `config.value`; those of a file that is no YAML.
    """
    if said is None or said == ONE_PAGE:
        return None
    try:
        pages = HttpPages.model_validate(parse_document(f"pages: {said}\n", Path("--pages")).data["pages"])
        what = lacking(pages)
    except ValidationError:
        what = "it is no way from page to page"
    if not what:
        return pages
    raise ConfigError(
        "config.value", what, where="--pages",
        remedy="such as {kind: cursor, next: meta.tiep, parameter: con_tro}, or none where there is one page",
    )  # fmt: skip


def _at_topic(
    settings: Settings, asked: DraftWish, address: str, wish: LookWish, rows: int
) -> tuple[Survey, SourceDraft]:
    """Look at a topic; login, registry and certificate are those whose variables are set.

    Errors: `connector.from`, those of `survey_topic`.
    """
    from pophub.contracts.kafka_source import KafkaSource
    from pophub.sources.topic_survey import survey_topic

    topic = wish.table
    if topic is None or not asked.dataset:
        raise ConfigError(
            "connector.from", "no topic is named", where="--table", remedy="name it: --table dancu.public.cong_dan"
        )  # fmt: skip
    keys: dict[str, Any] = {"topic": topic}
    base = asked.variable.removesuffix("_URL")
    if _is_set(settings, f"{base}_USER"):
        keys["login"] = {"user": f"${{{base}_USER}}", "secret": f"${{{base}_SECRET}}"}
        if _is_set(settings, f"{base}_MECHANISM"):
            keys["login"]["mechanism"] = settings.resolve(f"${{{base}_MECHANISM}}", where="--from")
    if _is_set(settings, f"{base}_CA"):
        keys["certificate"] = f"${{{base}_CA}}"
    if _is_set(settings, f"{base}_REGISTRY"):
        keys["registry"] = {"url": f"${{{base}_REGISTRY}}"}
    told = {"kind": "kafka", "url": f"${{{asked.variable}}}", "marker": {"kind": "log"}, **keys}
    try:
        source = KafkaSource.model_validate(told)
    except ValueError:
        raise ConfigError(
            "connector.from", "the topic's name or the login's mechanism is none", where="--from",
            remedy="a topic has letters, digits and . _ -; a mechanism is scram-sha-512, scram-sha-256 or plain",
        ) from None  # fmt: skip
    survey, form = survey_topic(source, address, settings, rows, asked.stem)
    return survey, SourceDraft("kafka", SurveyedForm(keys | form.keys, form.why, form.asks))


def _is_set(settings: Settings, variable: str) -> bool:
    try:
        return bool(settings.resolve(f"${{{variable}}}", where="--from"))
    except ConfigError:
        return False
