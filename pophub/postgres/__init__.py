"""The one room of psycopg2, and its face: connections, transactions, statements, COPY."""

from pophub.postgres.connection import (
    Connection,
    Cursor,
    connect,
    only_row,
    or_nothing,
    transaction,
    translated,
    worker_lock,
)
from pophub.postgres.copy import copy_columns, copy_rows
from pophub.postgres.layout import note_layout
from pophub.postgres.replication import DriverError, LogMessage, LogSession, place_of
from pophub.postgres.sql import execute_values, now_us, statements, text_array

__all__ = [
    "Connection",
    "Cursor",
    "DriverError",
    "LogMessage",
    "LogSession",
    "connect",
    "copy_columns",
    "copy_rows",
    "execute_values",
    "note_layout",
    "now_us",
    "only_row",
    "or_nothing",
    "place_of",
    "statements",
    "text_array",
    "transaction",
    "translated",
    "worker_lock",
]
