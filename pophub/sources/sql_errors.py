"""SQLAlchemy's errors in the words of pophub, once; no message carries a row or the URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.postgres import DriverError
from pophub.sources.address import ESCAPES

_URL = "source.url"
_OPTION = "the source's address has an option that its driver does not know"
_OPTION_REMEDY = "mend what stands behind the ? in the variable that `source.url` names"
_UNREACHABLE = "see that the source's server runs and answers from here; the run tries again"
_NO_UTF8 = (
    ContractBreach,
    "source.encoding",
    "a text of the source has no form in UTF-8",
    "ask the agency to mend the text at the source; its server names it when it is read as UTF-8",
)
_STATES: dict[str, tuple[type[PophubError], str, str, str]] = {
    "42P01": (
        ContractBreach,
        "source.table_missing",
        "the table is gone",
        "ask the agency where the table is, then mend `source.table`",
    ),
    "42703": (
        ContractBreach,
        "source.column_missing",
        "a column is gone",
        "ask the agency what changed, then raise the contract",
    ),
    "42501": (
        ConfigError,
        "source.permission",
        "the hub's account may not read the table",
        "ask the agency to grant SELECT to the hub's account",
    ),
    "57014": (
        TransientError,
        "source.timeout",
        "the source did not answer a query in time",
        "the run tries again; ask the agency for an index on marker and key",
    ),
    "22P05": _NO_UTF8,
    "22021": _NO_UTF8,
}
_UNFILLED = (
    ContractBreach,
    "source.view_unfilled",
    "the source's materialized view was never filled",
    "ask the agency to fill it, and to do so regularly: REFRESH MATERIALIZED VIEW and the name of `source.table`",
)
_LOG_STATES: dict[str, tuple[type[PophubError], str, str, str]] = {  # where the log is read, and there alone
    "55006": (
        TransientError,
        "source.slot_busy",
        "another session reads the slot",
        "the run tries again; two hubs need slots of different names: `source.slot`",
    ),
    "55P03": (
        TransientError,
        "source.timeout",
        "a transaction at the source goes on for so long that no slot can be made",
        "the run tries again; ask the agency which session does not end",
    ),
    "42704": (
        ContractBreach,
        "source.publication",
        "the publication or the slot is gone",
        "the next run says which; where changes are lost, it reads the table anew",
    ),
    "55000": (
        ContractBreach,
        "source.slot_lost",
        "the source does not keep its log for the slot any more",
        "the next run makes the slot anew and reads the whole table",
    ),
}
_NUMBERS = {  # MariaDB's and MySQL's own, which have a state for some of them only
    1146: "42P01",
    1054: "42703",
    1142: "42501",
    1143: "42501",
    1969: "57014",
    3024: "57014",
}
_SHOW_VALUES = ("source.unreadable", "source.encoding")  # the driver's words may hold a row's values
_UNBOUNDED = (  # what drivers raise beside their own errors, such as for bytes that they cannot decode
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
    OSError,
    BufferError,
)
_AT_CONNECT: tuple[tuple[tuple[str, ...], type[PophubError], str, str, str], ...] = (
    (
        ("password authentication failed", "no password supplied", "access denied for user"),
        ConfigError,
        "source.password",
        "the source refused the hub's user name or password",
        f"put the right user and password into the variable of `source.url`; {ESCAPES}",
    ),
    (
        ("role ", "no pg_hba.conf entry", "is not permitted to log in"),
        ConfigError,
        "source.password",
        "the source does not let this account in",
        "ask the agency which account and address may connect",
    ),
    (
        ("database ",),
        ConfigError,
        "source.database_missing",
        "the source's server has no such database",
        "mend the database name in the variable of `source.url`",
    ),
)
_NUMBERS_AT_CONNECT = {
    1044: 0,
    1045: 0,
    1698: 0,
    1049: 2,
}  # MariaDB's and MySQL's number: place in _AT_CONNECT


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise vendor errors as pophub's, from their cause where that holds no row's values.

    Nothing else comes out: neither an error of SQLAlchemy or a driver, nor one of Python that they raise.
    """
    try:
        yield
    except exc.NoSuchTableError as error:
        kind, code, what, remedy = _STATES["42P01"]
        raise kind(code, what, where=where, remedy=remedy) from error
    except exc.ArgumentError:  # its text may hold a part of the address
        raise ConfigError(_URL, _OPTION, where=where, remedy=_OPTION_REMEDY) from None
    except exc.DBAPIError as error:
        if _names_option(error):
            raise ConfigError(_URL, _OPTION, where=where, remedy=_OPTION_REMEDY) from None
        told = _of_driver(error, where)
        if told.code in _SHOW_VALUES:
            raise told from None
        raise told from error
    except PophubError:
        raise
    except (exc.SQLAlchemyError, *_UNBOUNDED) as error:
        raise _unreadable(error, where) from None


@contextmanager
def driver_translated(where: str) -> Iterator[None]:
    """Raise errors of PostgreSQL's driver as `translated` does, where SQLAlchemy is not between: for its log."""
    with translated(where):
        try:
            yield
        except DriverError as error:
            if error.pgcode in _LOG_STATES:
                kind, code, what, remedy = _LOG_STATES[error.pgcode]
                raise kind(code, what, where=where, remedy=remedy) from error
            raise exc.DBAPIError.instance(None, None, error, DriverError) from error


def _names_option(error: exc.DBAPIError) -> bool:
    """Say whether the driver refuses an option of the address; it repeats the option then."""
    message = str(error.orig).lower()
    signs = ("invalid dsn", "invalid connection option", "invalid integer value", "invalid uri")
    return getattr(error.orig, "pgcode", None) is None and any(sign in message for sign in signs)


def _of_driver(error: exc.DBAPIError, where: str) -> PophubError:
    number = error.orig.args[0] if error.orig and error.orig.args else 0
    state = getattr(error.orig, "pgcode", None) or _NUMBERS.get(number)
    if state in _STATES:
        kind, code, what, remedy = _STATES[state]
        return kind(code, what, where=where, remedy=remedy)
    if number in _NUMBERS_AT_CONNECT:
        _, kind, code, what, remedy = _AT_CONNECT[_NUMBERS_AT_CONNECT[number]]
        return kind(code, what, where=where, remedy=remedy)
    message = str(error.orig).lower()
    if state == "55000" and "refresh materialized view" in message:  # its hint, in whatever language
        kind, code, what, remedy = _UNFILLED
        return kind(code, what, where=where, remedy=remedy)
    if "no such column" in message or "no such table" in message:
        kind, code, what, remedy = _STATES["42703" if "column" in message else "42P01"]
        return kind(code, what, where=where, remedy=remedy)
    if state is None and not isinstance(error, exc.DatabaseError):
        return _unreachable(where)
    if isinstance(error, exc.OperationalError) or error.connection_invalidated:
        fatal = message.rsplit("fatal:", 1)[-1]
        for signs, kind, code, what, remedy in _AT_CONNECT:
            if state is None and "fatal:" in message and any(sign in fatal for sign in signs):
                return kind(code, what, where=where, remedy=remedy)
        return _unreachable(where)
    return _unreadable(error.orig, where)


def _unreadable(error: BaseException | None, where: str) -> ContractBreach:
    return ContractBreach(
        "source.unreadable",
        f"the source cannot be read ({type(error).__name__})",
        where=where,
        remedy="open the source with its own tools; if it is sound, report this as a defect",
    )


def _unreachable(where: str) -> TransientError:
    return TransientError(
        "source.unreachable", "the source cannot be reached", where=where, remedy=_UNREACHABLE
    )
