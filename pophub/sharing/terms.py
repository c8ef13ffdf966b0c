"""The terms of grants as they were granted: on record in `hub.subscription`, append-only.

What is shared follows from history and the terms on record, so terms never change under their version,
and no version comes back: a change raises it. A right that would count in months that are over takes a
word from a person.
"""

from __future__ import annotations

import orjson

from pophub.contracts.refusals import read_kept
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, Cursor, only_row, statements, transaction
from pophub.sharing.subscription import midnight

SQL = statements("terms")


def granted(cursor: Cursor, recipient: str, stem: str) -> dict[int, Grant]:
    """Give the terms on record: version -> grant.

    Errors: `hub.layout`, as of `read_kept`.
    """
    cursor.execute(SQL["granted"], (recipient, stem))
    where = f"{recipient}, {stem}"
    return {version: read_kept(Grant, terms, where) for version, terms in cursor.fetchall()}


def check(cursor: Cursor, file: SubscriptionFile) -> None:
    """Refuse a file whose grants are not those on record, nor newer versions of them.

    Errors: `subscription.changed`, `subscription.version`, `subscription.backdated`.
    """
    for grant in file.grants:
        known = granted(cursor, file.subscriber, grant.dataset)
        if grant.version in known:
            refuse_changed(file.subscriber, grant, known[grant.version])
        if known and grant.version < max(known):
            what = f"version {max(known)} was granted, version {grant.version} comes no more"
            raise _refused("subscription.version", file.subscriber, grant.dataset, what)
        if not known and grant.backdated is None:
            _refuse_backdated(cursor, file.subscriber, grant)


def record(cursor: Cursor, recipient: str, grant: Grant) -> None:
    """Put terms on record; those that stand there already stay."""
    terms = orjson.dumps(grant.model_dump(mode="json")).decode()
    ends = midnight(grant.ends) if grant.ends else None
    cursor.execute(
        SQL["record"], (recipient, grant.dataset, grant.version, midnight(grant.starts), ends, terms)
    )


def on_record(connection: Connection, recipient: str, grant: Grant) -> dict[int, Grant]:
    """Give the earlier terms of a grant; refuse to share by terms that are not on record.

    Errors: `subscription.changed`, `registry.missing`.
    """
    with transaction(connection, "terms") as cursor:
        known = granted(cursor, recipient, grant.dataset)
    if grant.version not in known:
        raise ConfigError(
            "registry.missing",
            f"version {grant.version} of the terms is not on record",
            where=f"{recipient}, {grant.dataset}",
            remedy="run `pophub up`, which registers terms and schemas",
        )
    refuse_changed(recipient, grant, known.pop(grant.version))
    return known


def refuse_changed(recipient: str, grant: Grant, known: Grant) -> None:
    """Refuse other terms under the same version.

    Errors: `subscription.changed`.
    """
    now, before = grant.model_dump(), known.model_dump()
    if changed := [name for name in now if now[name] != before[name]]:
        what = f"{', '.join(changed)} changed under version {grant.version}"
        raise _refused("subscription.changed", recipient, grant.dataset, what)


def _refuse_backdated(cursor: Cursor, recipient: str, grant: Grant) -> None:
    cursor.execute(SQL["closed"], (grant.dataset, midnight(grant.starts)))
    versions, until = only_row(cursor)
    if versions:
        what = f"accepted versions of months before {until} would be counted in those months"
        raise _refused("subscription.backdated", recipient, grant.dataset, what)


def _refused(code: str, recipient: str, stem: str, what: str) -> ConfigError:
    where = f"subscriptions/{recipient}.yaml, {stem}"
    return ConfigError(code, what, where=where, remedy=explain(code).remedy)
