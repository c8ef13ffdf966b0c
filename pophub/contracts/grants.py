"""What a subscription file may say: names that are free, datasets and fields that are there, dates in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import Connector
from pophub.contracts.row_terms import unfit
from pophub.contracts.strict_yaml import Document, Place
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.contracts.suite import nearest, refuse

# recipients, topics, roles and users of the hub itself: who bore one would be taken for it in counts and rights
RESERVED = frozenset(
    ("admin", "agency", "agencies", "airflow", "alerts", "anonymous", "broker", "client", "controller", "extract",
     "feedback", "hub", "judge", "kafka", "ledger", "live", "population", "postgres", "public", "quarantine", "raw",
     "root", "share", "shared", "sub", "subscriber", "superuser")
)  # fmt: skip
OWN_PREFIX = "pophub"


def check_subscription(
    document: Document, subscription: SubscriptionFile, known: Mapping[str, Connector]
) -> None:
    """Refuse a subscription that names what is not there, or that is not its own.

    Errors: `config.path`, `config.reserved`, `config.value`, `schema.field_missing`, `config.range`;
    the first brings the others.
    """
    name, flaws = subscription.subscriber, Flaws()
    if document.path.stem != name:
        flaws.add(refuse("config.path", f"the file says {name}", document.where("subscriber")))
    if name in RESERVED or name.startswith(OWN_PREFIX):
        what = f"{name} is a name of the hub's own: in counts and rights the subscriber would be taken for it"
        flaws.add(refuse("config.reserved", what, document.where("subscriber")))
    for at, grant in enumerate(subscription.grants):
        if any(earlier.dataset == grant.dataset for earlier in subscription.grants[:at]):
            where = document.where("grants", at, "dataset")
            flaws.add(refuse("config.value", f"{grant.dataset} is granted twice", where))
        with flaws.gathered():
            _check_grant(document, at, grant, known)
    flaws.tell()


def _check_grant(document: Document, at: int, grant: Grant, known: Mapping[str, Connector]) -> None:
    connector, flaws = known.get(grant.dataset), Flaws()
    if connector is None:
        near, sound = nearest(grant.dataset, known), ", ".join(known) or "none"
        what = f"there is no sound connector {grant.dataset}{near}: there are {sound}"
        raise refuse("config.value", what, document.where("grants", at, "dataset"))
    fields = [field.name for field in connector.contract.fields]
    places: list[tuple[str, Place]] = [
        *((name, ("fields", place)) for place, name in enumerate(grant.fields)),
        *((name, ("rows", name)) for name in grant.rows),
    ]
    for name, place in places:
        if name not in fields:
            what = f"{grant.dataset} has no field {name!r}{nearest(name, fields)}"
            flaws.add(refuse("schema.field_missing", what, document.where("grants", at, *place)))
    for name, why in unfit(grant, connector):
        flaws.add(refuse("config.value", why, document.where("grants", at, "rows", name)))
    if grant.ends is not None and grant.ends <= grant.starts:
        where = document.where("grants", at, "ends")
        flaws.add(refuse("config.range", "the grant ends before it starts", where))
    flaws.tell()


def unread(project: Path, found: Iterable[SubscriptionFile]) -> set[str]:
    """Name the subscribers that have a file which is not among those that could be read."""
    named = {path.stem for path in (project / "subscriptions").glob("*.yaml")}
    return named - {file.subscriber for file in found}
