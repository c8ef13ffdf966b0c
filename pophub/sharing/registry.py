"""The schema registry: schemas of each topic's records under ids that come from their content; terms on record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing

from pophub import avro
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.codes import explain
from pophub.domain.digests import row_digests
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, Cursor, connect, transaction
from pophub.settings import Settings
from pophub.sharing import terms
from pophub.sharing.subscription import granted_schemas

OWNER = "pophub_owner"


def register(
    settings: Settings, connectors: Sequence[Connector], subscriptions: Sequence[SubscriptionFile]
) -> tuple[list[SubscriptionFile], list[ConfigError]]:
    """Register the schemas of each contract and subscription, and the terms of each subscription.

    Give the subscriptions on record, and why the others are not.
    """
    by_stem = {c.stem: c for c in connectors}
    sound, refused = list[SubscriptionFile](), list[ConfigError]()
    connection = connect(settings, OWNER)
    try:
        with transaction(connection, "registering schemas") as cursor:
            cursor.execute("lock table hub.registry_schema in exclusive mode")
            for connector in connectors:
                _register(cursor, history_subject(connector.stem), connector.contract.schemas)
            for file in subscriptions:
                try:
                    terms.check(cursor, file)
                except ConfigError as error:
                    refused.append(error)
                    continue
                _register_subscription(cursor, file, by_stem)
                sound.append(file)
            _register_known(cursor, by_stem)
    finally:
        connection.close()
    return sound, refused


def history_subject(stem: str) -> str:
    """Name the subject of a contract's schemas, by which the payloads of history are read."""
    return f"history.{stem}"


def _register_subscription(cursor: Cursor, file: SubscriptionFile, by_stem: Mapping[str, Connector]) -> None:
    for grant in file.grants:
        if grant.dataset in by_stem:
            schemas = granted_schemas(by_stem[grant.dataset], file.subscriber, grant.fields)
            _register(cursor, f"sub.{file.subscriber}.{grant.dataset}-value", schemas)
        terms.record(cursor, file.subscriber, grant)


def _register(cursor: Cursor, subject: str, schemas: Sequence[str]) -> None:
    """Register the schemas of a topic, the newest first: the oldest becomes the subject's first version."""
    for schema in reversed(schemas):
        _register_one(cursor, subject, schema)


def _register_known(cursor: Cursor, by_stem: Mapping[str, Connector]) -> None:
    """Register the schemas of all terms that ever were: a registry that was lost comes back whole."""
    cursor.execute(
        "select recipient, stem, terms -> 'fields' from hub.subscription order by recipient, stem, version"
    )
    for recipient, stem, fields in cursor.fetchall():
        connector = by_stem.get(stem)
        if connector is not None and set(fields) <= set(avro.names_of(connector.contract.schemas[0])):
            schemas = granted_schemas(connector, recipient, fields)
            _register(cursor, f"sub.{recipient}.{stem}-value", schemas)


def _register_one(cursor: Cursor, subject: str, schema: str) -> None:
    fingerprint = _fingerprint(schema)
    cursor.execute(
        "select 1 from hub.registry_schema where subject = %s and fingerprint = %s", (subject, fingerprint)
    )
    if cursor.fetchone():
        return
    cursor.execute("select schema from hub.registry_schema where subject = %s", (subject,))
    refuse_reordered(subject, [known for (known,) in cursor.fetchall()], schema)
    cursor.execute(
        "insert into hub.registry_schema (id, subject, version, schema, fingerprint) select "
        "%(i)s, %(s)s, (select coalesce(max(version), 0) + 1 from hub.registry_schema where subject = %(s)s), %(t)s, %(f)s",
        {"i": _free_id(cursor, subject, fingerprint), "f": fingerprint, "s": subject,
         "t": json.dumps(json.loads(schema), ensure_ascii=False)},
    )  # fmt: skip


def content_id(fingerprint: str) -> int:
    """Give the id of a schema with this fingerprint, 1 to 2^31 - 1: each hub, at any time, gives the same.

    >>> content_id("ffffffff00"), content_id("0000000000")
    (2147483647, 1)
    """
    return int(fingerprint[:8], 16) & 0x7FFFFFFF or 1


def _free_id(cursor: Cursor, subject: str, fingerprint: str) -> int:
    """Give the id under which records of this schema are framed; an id never gets a second meaning.

    Errors: `schema.id_taken` where another schema has it.
    """
    cursor.execute("select min(id) from hub.registry_schema where fingerprint = %s", (fingerprint,))
    (known,) = cursor.fetchone() or (None,)
    number = content_id(fingerprint) if known is None else int(known)
    cursor.execute(
        "select subject from hub.registry_schema where id = %s and fingerprint <> %s limit 1",
        (number, fingerprint),
    )
    if (other := cursor.fetchone()) is not None:
        words = explain("schema.id_taken")
        raise ConfigError(
            "schema.id_taken",
            f"{words.en.lower()}: {number}, of {other[0]}",
            where=subject,
            remedy=words.remedy,
        )
    return number


def refuse_reordered(subject: str, registered: Sequence[str], schema: str) -> None:
    """Refuse the fields of a registered schema in another order: a record's bytes carry no names.

    Errors: `schema.fingerprint`.
    """
    fields = json.loads(schema)["fields"]
    for known in registered:
        before = json.loads(known)["fields"]
        same = sorted(map(repr, map(_plain, before))) == sorted(map(repr, map(_plain, fields)))
        if same and [f["name"] for f in before] != [f["name"] for f in fields]:
            words = explain("schema.fingerprint")
            raise ConfigError("schema.fingerprint", words.en.lower(), where=subject, remedy=words.remedy)


def _plain(field: dict[str, object]) -> tuple[object, object]:
    return field["name"], field["type"]


def is_prepared(settings: Settings, stem: str) -> bool:
    """Tell whether topics and schemas of a dataset were made."""
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "looking for a dataset") as cursor,
    ):
        cursor.execute("select 1 from hub.registry_schema where subject = %s", (history_subject(stem),))
        return cursor.fetchone() is not None


def schema_id(connection: Connection, subject: str, schema: str) -> int:
    """Give the registered id of a subject's schema.

    Errors: `registry.missing` when the hub was not prepared since the schema changed.
    """
    with transaction(connection, "looking up a schema") as cursor:
        cursor.execute(
            "select id from hub.registry_schema where subject = %s and fingerprint = %s",
            (subject, _fingerprint(schema)),
        )
        row = cursor.fetchone()
    if row is None:
        raise ConfigError(
            "registry.missing",
            "the schema of the topic is not registered",
            where=subject,
            remedy="run `pophub up`, which registers the schemas of all connectors",
        )
    return int(row[0])


def registered_ids(connection: Connection, subject: str, schemas: Sequence[str]) -> list[int]:
    """Give the registered id of each of a subject's schemas, 0 where nothing was ever written by it."""
    with transaction(connection, "looking up schemas") as cursor:
        cursor.execute("select fingerprint, id from hub.registry_schema where subject = %s", (subject,))
        known = dict(cursor.fetchall())
    return [known.get(_fingerprint(schema), 0) for schema in schemas]


def _fingerprint(schema: str) -> str:
    return row_digests([[avro.canonical(schema)]], 1)[0][0].hex()
