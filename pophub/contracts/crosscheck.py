"""What the connector's file says, held against its schema, its mapping and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pophub.contracts.flaws import Flaws
from pophub.contracts.http_check import check_pages
from pophub.contracts.look_up import check_register
from pophub.contracts.marker import check_manifest, check_scan, check_window
from pophub.contracts.model import AvroField, Connector, ConnectorFile, FieldMapping, Person, ProjectTables
from pophub.contracts.personal import of_people
from pophub.contracts.reference_model import NamedOrganisation
from pophub.contracts.referred import check_references, check_targets
from pophub.contracts.source_model import Marker
from pophub.contracts.strict_yaml import Document, Place, places_of
from pophub.contracts.suite import nearest, refuse, table_flaw
from pophub.domain.dates import compile_format
from pophub.domain.deletion import both, never_matches
from pophub.domain.errors import ConfigError

_PARSES = {
    "none": ("string",),
    "date": ("date",),
    "time": ("timestamp-micros",),
    "integer": ("int", "long"),
    "boolean": ("boolean",),
    "decimal": ("double", "decimal"),
    "bytes": ("bytes",),
}


def check_file(
    document: Document, file: ConnectorFile, fields: tuple[AvroField, ...], tables: ProjectTables
) -> None:
    """Check every name of the file against the schema, and each mapping against its type.


    Errors: ConfigError with file and line; the first brings the others.
    """
    known, flaws = {field.name: field for field in fields}, Flaws()
    for name, place in _named(file):
        if name not in known:
            what = f"the schema has no field {name!r}{nearest(name, known)}"
            flaws.add(refuse("schema.field_missing", what, document.where(*place)))
    for name in known:
        if name not in file.mapping:
            what = f"the field {name} of the schema is not mapped"
            flaws.add(refuse("config.missing", what, document.where("mapping")))
    place = ("source", "marker")
    looks = [
        *(partial(_check_mapping, document, n, m, known[n]) for n, m in file.mapping.items() if n in known),
        partial(_check_codes, document, file, tables),
        *(partial(_check_person, document, ("people", at), one, known) for at, one in enumerate(file.people)),
        *(
            partial(_check_person, document, ("organisations", at), one, known)
            for at, one in enumerate(file.organisations)
        ),
        partial(_check_units, document, file, known),
        partial(check_references, document, file, known),
        partial(check_register, document, file, known),
        partial(_check_cited, document, file, known),
        partial(_check_texts, document, file, known),
        partial(_check_numbers, document, file, known),
        partial(_check_personal, document, file),
        partial(_check_identity, document, file),
        partial(_check_deleted, document, file),
        partial(_check_form, document, place, file.source.marker.format),
        partial(_check_zone, document, place, file.source.marker.time_zone),
        partial(_check_marker, document, file.source.marker),
        partial(check_pages, document, file),
        partial(check_scan, document, file),
        partial(check_window, document, file),
        partial(check_manifest, document, file),
    ]
    for look in looks:
        with flaws.gathered():
            look()
    flaws.tell()


def _check_marker(document: Document, marker: Marker) -> None:
    """Refuse what a marker of the declared kind would not use, or would use instead of its column."""
    place: Place = ("source", "marker")
    if marker.kind == "time" and marker.changed_at is not None:
        what = "changed_at belongs to a sequence: a marker of kind time is the time of the change"
        raise refuse("config.value", what, document.where(*place, "changed_at"))
    if marker.kind == "sequence" and marker.changed_at is None and marker.format is not None:
        what = "a sequence is a number and has no format, unless changed_at names a column of times"
        raise refuse("config.value", what, document.where(*place, "format"))


def _check_person(
    document: Document, place: Place, who: Person | NamedOrganisation, known: dict[str, AvroField]
) -> None:
    """Refuse a field that cannot hold what is said of a person or an organisation."""
    kinds = {
        "id": (("string",), "a text"),
        "name": (("string",), "a text"),
        "representative": (("string",), "a text"),
        "birth_date": (("date",), "a date"),
        "at": (("date", "timestamp-micros"), "a date or a time"),
    }
    for part, (types, words) in kinds.items():
        name = getattr(who, part, None)
        if name in known and known[name].type not in types:
            where = document.where(*place, part)
            raise refuse("config.type", f"{name} is {known[name].type}, not {words}", where)


def _named(file: ConnectorFile) -> Iterator[tuple[str, Place]]:
    """Give every contract field that the file names, with its place."""
    for name in file.mapping:
        yield name, ("mapping", name)
    for at, name in enumerate(file.key):
        yield name, ("key", at)
    for at, name in enumerate(file.unique):
        yield name, ("unique", at)
    for at, name in enumerate(file.personal or ()):
        yield name, ("personal", at)
    for at, person in enumerate(file.people):
        for part in ("id", "name", "birth_date", "at"):
            if (named := getattr(person, part)) is not None:
                yield named, ("people", at, part)
    for at, cited in enumerate(file.cites):
        yield cited.field, ("cites", at, "field")
        if cited.at is not None:
            yield cited.at, ("cites", at, "at")
    for at, reference in enumerate(file.references):
        for place, name in enumerate(reference.fields):
            yield name, ("references", at, "fields", place)
        if reference.at is not None:
            yield reference.at, ("references", at, "at")
    for at, organisation in enumerate(file.organisations):
        for part in ("id", "name", "representative", "at"):
            if (named := getattr(organisation, part)) is not None:
                yield named, ("organisations", at, part)
    if file.register_ is not None:
        for part in ("id", "name", "representative", "active"):
            if (named := getattr(file.register_, part)) is not None:
                yield named, ("register", part)
    if file.population is not None:
        yield file.population.citizen, ("population", "citizen")
        for citizen_field, name in file.population.fields.items():
            yield name, ("population", "fields", citizen_field)


def _check_mapping(document: Document, name: str, mapping: FieldMapping, field: AvroField) -> None:
    place: Place = ("mapping", name)
    if mapping.precision == "year":
        _check_year(document, name, mapping, field)
    elif mapping.parse is not None and field.type not in _PARSES[mapping.parse]:
        what = f"{name} is parsed as {mapping.parse}, but the schema says {field.type}"
        raise refuse("config.value", what, document.where(*place, "parse"))
    dated = field.type in ("date", "timestamp-micros") or mapping.precision == "year"
    if mapping.format is not None and not dated:
        what = f"{name} has a format, but the schema says {field.type}"
        raise refuse("config.value", what, document.where(*place, "format"))
    _check_form(document, place, mapping.format)
    _check_zone(document, place, mapping.time_zone)


def _check_codes(document: Document, file: ConnectorFile, tables: ProjectTables) -> None:
    flaws = Flaws()
    for name, mapping in file.mapping.items():
        if mapping.codes is not None and (what := table_flaw(tables, mapping.codes)):
            flaws.add(refuse("config.value", what, document.where("mapping", name, "codes")))
    flaws.tell()


def _check_units(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Refuse a unit that is no text of its own, and a day that is none."""
    flaws = Flaws()
    for name, unit in ((name, mapping.unit) for name, mapping in file.mapping.items()):
        if unit is None:
            continue
        place: Place = ("mapping", name, "unit")
        if unit.of == "province" and unit.to == "commune":
            flaws.add(refuse("config.value", "a province is no commune", document.where(*place, "to")))
        if name in file.key or file.mapping[name].codes or (name in known and known[name].type != "string"):
            what = f"{name} is a unit: a field of text that is no part of the key and has no code table"
            flaws.add(refuse("config.value", what, document.where(*place)))
        if unit.at is not None and (
            unit.at not in known or known[unit.at].type not in ("date", "timestamp-micros")
        ):
            what = f"{unit.at} is no field with a date or a time"
            flaws.add(refuse("config.type", what, document.where(*place, "at")))
    flaws.tell()


def _check_personal(document: Document, file: ConnectorFile) -> None:
    """Refuse a list of personal fields that leaves out what the file itself says of a person."""
    left_out = [] if file.personal is None else sorted(of_people(file) - set(file.personal))
    if left_out:
        what = f"{', '.join(left_out)} tells of a person by what the file declares, and is not under personal"
        raise refuse("config.value", what, document.where("personal"))


def _check_deleted(document: Document, file: ConnectorFile) -> None:
    """Refuse values that no row can have, and values that mean both."""
    deleted = file.source.deleted
    if deleted is None:
        return
    place: Place = ("source", "deleted")
    for name in ("values", "living"):
        if any(map(never_matches, getattr(deleted, name))):
            what = f"an empty value under {name} can never match: an empty one means that the row lives"
            raise refuse("config.value", what, document.where(*place, name))
    if twice := both(deleted.values, deleted.living):
        what = f"{', '.join(twice)} means deleted and not deleted"
        raise refuse("config.value", what, document.where(*place, "living"))


def _check_numbers(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Refuse numbers taken as text where they name something: a lost digit is another key or person."""
    named = (name for reference in file.references for name in reference.fields)
    people = [*(person.id for person in file.people), *(one.id for one in file.organisations)]
    people += [one.by for one in file.look_up.values() if one.match is not None]
    names, flaws = {*file.key, *named, *people}, Flaws()
    for name, mapping in file.mapping.items():
        kept = name in names or name not in known or known[name].type != "string"
        if mapping.numbers == "as_text" and kept:
            what = f"{name} cannot take numbers as text: only a text that is neither key, person nor reference can"
            flaws.add(refuse("config.value", what, document.where("mapping", name, "numbers")))
    flaws.tell()


def _check_cited(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Refuse a basis that is no text, and a day that is none."""
    flaws = Flaws()
    for at, cited in enumerate(file.cites):
        kinds = ((cited.field, "field", ("string",)), (cited.at, "at", ("date", "timestamp-micros")))
        for name, part, types in kinds:
            if name in known and known[name].type not in types:
                what = f"{name} is {known[name].type}, not {' or '.join(types)}"
                flaws.add(refuse("config.type", what, document.where("cites", at, part)))
    flaws.tell()


def _check_texts(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Refuse bytes and exact numbers where the hub keeps a value as text: keys, unique values, people."""
    places: dict[str, Place] = {name: ("key", at) for at, name in enumerate(file.key)}
    places |= {name: ("unique", at) for at, name in enumerate(file.unique)}
    if file.population is not None:
        places |= {name: ("population", "fields", one) for one, name in file.population.fields.items()}
        places[file.population.citizen] = ("population", "citizen")
    flaws = Flaws()
    for name, place in places.items():
        if name in known and known[name].type in ("bytes", "decimal"):
            what = f"{name} is {known[name].type}, which is neither key, unique value nor part of a citizen"
            flaws.add(refuse("config.type", what, document.where(*place)))
    flaws.tell()


def _check_identity(document: Document, file: ConnectorFile) -> None:
    """Hold a dataset that says who exists to its keys being the citizens, with name and birth date."""
    if file.population is None or not file.population.identity:
        return
    where, flaws = partial(document.where, "population", "identity"), Flaws()
    if file.key != (file.population.citizen,):
        what = f"who exists is said by the citizen's number as the key, which is {', '.join(file.key)} here"
        flaws.add(refuse("config.value", what, where()))
    for name in ("full_name", "birth_date"):
        if name not in file.population.fields:
            flaws.add(
                refuse("config.value", f"who exists is said with {name}, which is no field here", where())
            )
    flaws.tell()


def _check_year(document: Document, name: str, mapping: FieldMapping, field: AvroField) -> None:
    where = partial(document.where, "mapping", name, "precision")
    if mapping.parse != "date" or mapping.codes is not None:
        raise refuse("config.value", f"{name} has a precision, which goes with parse: date alone", where())
    if field.type != "int":
        what = f"{name} is a year alone, but the schema says {field.type}: a year is an int"
        raise refuse("config.value", what, where())


def _check_form(document: Document, place: Place, form: str | None) -> None:
    if form is None:
        return
    try:
        compile_format(form)
    except ConfigError as error:
        raise refuse(error.code, error.what, document.where(*place, "format")) from None


def _check_zone(document: Document, place: Place, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        where = document.where(*place, "time_zone")
        raise refuse(
            "config.value", f"there is no time zone {zone!r}; one is named as Asia/Ho_Chi_Minh", where
        ) from None


def check_referred(connectors: list[Connector], broken: set[str], project: Path) -> list[ConfigError]:
    """Find references that lead nowhere, over all connectors; `broken` are stems of files that could not be read."""
    known = {connector.stem: connector for connector in connectors}
    return [
        error
        for one in connectors
        if one.file.references
        for error in check_targets(places_of(one.path, project), one.file, one.contract.fields, known, broken)
    ]


def check_authority(connectors: list[Connector]) -> list[ConfigError]:
    """Find fields of the citizen that two connectors claim; each field has one authority."""
    holders: dict[str, Connector] = {}
    found = []
    for connector in connectors:
        population = connector.file.population
        if population is None:
            continue
        claims = [*population.fields, *(["identity"] if population.identity else [])]
        for claim in claims:
            holder = holders.setdefault(claim, connector)
            if holder is not connector:
                what = f"{connector.stem} claims {claim}, which {holder.stem} holds"
                found.append(refuse("config.authority", what, str(connector.path)))
    return found
