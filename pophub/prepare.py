"""Sets the hub up on its servers: roles, schema, topics, users, access rules, registered schemas.

Repeating it changes nothing; `pophub up` runs it at each start, before anything flows. What a new dataset needs
to be read, judged and kept its first run makes, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from importlib import resources

from psycopg2 import sql

from pophub.contracts.grants import unread
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError
from pophub.kafka import Administrator
from pophub.postgres import Cursor, connect, note_layout, transaction
from pophub.quarantine.feedback import prepare_feedback
from pophub.settings import Settings
from pophub.sharing import access
from pophub.sharing.logins import note_operator
from pophub.sharing.registry import OWNER, register
from pophub.sharing.secret_in_use import note_in_use
from pophub.stores.look_up import settle_looked_up

STAGE_ROLES = (
    "pophub_extract",
    "pophub_judge",
    "pophub_share",
    "pophub_read",
    "pophub_web",
    "pophub_ledger",
    "pophub_figures",
    "pophub_live",
)
SCHEMAS = (
    "schema",
    "schema_extract",
    "schema_gap",
    "schema_quarantine",
    "schema_obstacle",
    "schema_contract",
    "schema_person",
    "schema_reconcile",
    "schema_ledger",
    "schema_live",
    "schema_request",
)
PRINCIPALS = ("pophub-extract", "pophub-judge", "pophub-share")


def prepare(
    settings: Settings, connectors: Sequence[Connector], subscriptions: Sequence[SubscriptionFile]
) -> list[ConfigError]:
    """Prepare database and broker for these connectors and subscriptions.

    Give what was left out: subscriptions whose terms are refused, whose access stays as it was, and raw topics
    that were lost (`raw.lost`), which are not made anew.
    """
    prepare_database(settings)
    prepare_looked_up(settings, connectors)
    sound, refused = register(settings, connectors, subscriptions)
    refused += prepare_broker(settings, connectors, sound)
    prepare_feedback(settings, connectors)
    stems = [c.stem for c in connectors]
    access.settle(settings, access.Declared(stems, sound, unread(settings.project, sound)))
    return refused


def prepare_dataset(settings: Settings, connector: Connector, connectors: Sequence[Connector]) -> None:
    """Make topics and schemas of one of these connectors; who receives it is left to `pophub up`.

    Errors: `registry.missing` where the logins that this takes are not at hand; `raw.lost`.
    """
    if not (settings.holds(f"postgres.{OWNER}") and settings.holds("kafka.admin")):
        raise ConfigError(
            "registry.missing", "the dataset has no topics and no registered schema yet", where=connector.stem,
            remedy="run `pophub up` first, which makes them; nothing was read",
        )  # fmt: skip
    prepare_looked_up(settings, connectors)
    lost = prepare_broker(settings, [connector], [])
    prepare_feedback(settings, [connector])
    if lost:
        raise lost[0]
    register(settings, [connector], [])  # last: by it a dataset counts as prepared


def prepare_database(settings: Settings) -> None:
    """Make the roles, least privileged each, and apply the schema as its owner.

    Errors: `hub.layout` where another version's tables stand there; nothing is changed then.
    """
    connection = connect(settings, settings.endpoints.postgres_superuser)
    try:
        with transaction(connection, "preparing roles") as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('pophub.prepare'))")
            for role in (OWNER, *STAGE_ROLES):
                _role(cursor, role, settings.secret(f"postgres.{role}"))
            cursor.execute(
                sql.SQL("alter database {} owner to {}").format(
                    sql.Identifier(settings.endpoints.database), sql.Identifier(OWNER)
                )
            )
            cursor.execute(
                sql.SQL("grant connect on database {} to {}").format(
                    sql.Identifier(settings.endpoints.database),
                    sql.SQL(", ").join(map(sql.Identifier, STAGE_ROLES)),
                )
            )
            cursor.execute("grant pophub_read to pophub_web")
            cursor.execute(
                sql.SQL("grant temporary on database {} to pophub_extract, pophub_judge").format(
                    sql.Identifier(settings.endpoints.database)
                )
            )
    finally:
        connection.close()
    connection = connect(settings, OWNER)
    try:
        with transaction(connection, "applying the schema") as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('pophub.schema'))")
            for name in SCHEMAS:
                cursor.execute(resources.files("pophub").joinpath("sql", f"{name}.sql").read_text())
            note_layout(cursor)
            note_in_use(cursor, settings)
            note_operator(cursor, settings)
    finally:
        connection.close()


def prepare_looked_up(settings: Settings, connectors: Sequence[Connector]) -> None:
    """Keep the versions of the datasets that these connectors look up."""
    with closing(connect(settings, OWNER)) as connection:
        settle_looked_up(connection, connectors)


def _role(cursor: Cursor, role: str, password: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    verb = "alter" if cursor.fetchone() else "create"
    cursor.execute(
        sql.SQL("{} role {} login nosuperuser nocreatedb nocreaterole password {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.Literal(password)
        )
    )


def prepare_broker(
    settings: Settings, connectors: Sequence[Connector], subscriptions: Sequence[SubscriptionFile]
) -> list[ConfigError]:
    """Make topics, users and access rules: every principal its own, and nothing more.

    Give the raw topics that are not there although they had records: none of these is made anew.
    """
    lanes = {c.stem: c.file.lanes for c in connectors}
    topics = {f"{kind}.{stem}": count for stem, count in lanes.items() for kind in ("raw", "shared")}
    rules = [
        ("pophub-extract", "WRITE", "TOPIC", "raw."), ("pophub-extract", "DESCRIBE", "TOPIC", "raw."),
        ("pophub-judge", "READ", "TOPIC", "raw."), ("pophub-judge", "DESCRIBE", "TOPIC", "raw."),
        ("pophub-share", "READ", "GROUP", "pophub.share."),
        ("pophub-share", "WRITE", "TRANSACTIONAL_ID", "pophub.share."),
        ("pophub-share", "DESCRIBE", "TRANSACTIONAL_ID", "pophub.share."),
        *(("pophub-share", operation, "TOPIC", prefix) for prefix in ("shared.", "sub.")
          for operation in ("WRITE", "READ", "DESCRIBE")),
        ("pophub-share", "DESCRIBE_CONFIGS", "TOPIC", "sub."),
        *(("pophub-share", operation, "TOPIC", "alerts") for operation in ("WRITE", "READ", "DESCRIBE")),
    ]  # fmt: skip
    topics["alerts"] = 1
    for file in subscriptions:
        prefix = f"sub.{file.subscriber}."
        topics |= {
            prefix + grant.dataset: lanes[grant.dataset] for grant in file.grants if grant.dataset in lanes
        }
    administrator = Administrator(settings)
    try:
        administrator.ensure_users(PRINCIPALS)
        administrator.ensure_rules(rules)
        filled = _filled(settings)
        lost = administrator.missing(f"raw.{stem}" for stem in lanes if stem in filled)
        administrator.ensure_topics({name: count for name, count in topics.items() if name not in lost})
        administrator.check_topics(name for stem in lanes if (name := f"raw.{stem}") not in lost)
    finally:
        administrator.close()
    return [_lost(name, *filled[name.removeprefix("raw.")]) for name in lost]


def _filled(settings: Settings) -> dict[str, tuple[int, int]]:
    """Count what raw had by dataset: batches that were sent to it, and messages that were judged of it."""
    with closing(connect(settings, OWNER)) as connection, transaction(connection, "what raw had") as cursor:
        cursor.execute(
            "select stem, sum(batches), sum(judged) from ("
            " select stem, count(*) as batches, 0 as judged from extract.batch where state = 'sent' and rows > 0 group by stem"
            " union all select stem, 0, raw_offset from judge.lane where raw_offset > 0) had group by stem"
        )
        return {stem: (int(batches), int(judged)) for stem, batches, judged in cursor.fetchall()}


def _lost(topic: str, batches: int, judged: int) -> ConfigError:
    return ConfigError(
        "raw.lost",
        f"the topic is not there: {batches:,} batches were sent to it, and {judged:,} messages of it were judged; "
        "what was not judged is gone",
        where=topic,
        remedy=explain("raw.lost").remedy.replace("STEM", topic.removeprefix("raw.")),
    )
