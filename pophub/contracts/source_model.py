"""Where a connector's data is and how it is read: the part `source` of a connector file, a model a kind."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pophub.contracts.patterns import NAME, REFERENCE, TABLE
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.record import SCAN

Name = Annotated[str, StringConstraints(pattern=NAME)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TableName = Annotated[str, StringConstraints(pattern=TABLE, max_length=260)]
Reference = Annotated[str, StringConstraints(pattern=REFERENCE)]
NUMBERED = frozenset({"scan", "wal", "log"})
"""Kinds of marker that the hub gives itself."""
MemberPath = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Model(BaseModel):
    """A frozen part of a connector file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Marker(Model):
    """The change marker: what orders the versions of a key at the source.

    Inside the hub a marker is one 64-bit integer: microseconds since 1970 UTC (`time`), the
    source's own number (`sequence`), that of the scan that found the row (`scan`), or the place of the change
    in the source's log (`wal`, `log`).
    """

    column: ColumnName = Field(
        SCAN,
        description="column of the marker; must be there, unless it is a `scan`, `wal` or `log`",
        examples=["cap_nhat_luc"],
    )
    kind: Literal["time", "sequence", "scan", "wal", "log"] = Field(
        "time",
        description="what the column holds: times, or a number that only grows; `scan`: there is none, all rows "
        "are read each time, and of files each is a whole inventory; `wal`: there is none, changes come in the order "
        "of the source's log (kind `cdc`); `log`: likewise in the order of a topic (kind `kafka`)",
        examples=["sequence"],
    )
    format: str | None = Field(
        None,
        description="strptime format where the time is text",
        examples=["%d/%m/%Y %H:%M:%S"],
    )
    time_zone: str = Field(
        HO_CHI_MINH.key, description="zone of times that carry none", examples=["Asia/Bangkok"]
    )
    changed_at: ColumnName | None = Field(
        None,
        description="for `sequence`: the column with the time of the change",
        examples=["thoi_diem_sua"],
    )

    @property
    def numbered(self) -> bool:
        """Whether the hub gives the number, since no column of the source holds one."""
        return self.kind in NUMBERED

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the source that it is read from."""
        named = () if self.numbered else (self.column, self.changed_at)
        return tuple(name for name in named if name is not None)


class Deleted(Model):
    """How the source marks a deleted row."""

    column: ColumnName = Field(description="soft-delete column", examples=["da_xoa"])
    values: tuple[bool | int | str, ...] = Field(
        min_length=1,
        description="values that mean deleted; a yes or no also as text or as 1 and 0",
        examples=[[True]],
    )
    living: tuple[bool | int | str, ...] = Field(
        (),
        description="values that mean not deleted, besides an empty one and the opposite of a yes or no",
        examples=[["A"]],
    )


class SourceFile(Model):
    """What every kind of source declares, and what the stages ask of it: never its kind."""

    reads: ClassVar[Literal["table", "folder", "log"]]
    typed: ClassVar[bool] = (
        False  # whether a value's type is the source's own word, as a column's of a table is
    )
    rounds: ClassVar[bool] = False  # whether a number may have lost digits on its way, as in a spreadsheet
    tells_flaws: ClassVar[bool] = True  # whether its reader tells values apart that it could not read
    kind: str
    url: Reference
    marker: Marker = Field(description="what orders the versions of a key")
    deleted: Deleted | None = Field(None, description="how a deleted row is marked; without it none is")
    gone_at_most: float = Field(
        0.05,
        ge=0,
        le=1,
        description="for `scan`: share of known rows that may be gone at once; more are held",
        examples=[0.2],
    )

    @property
    def window(self) -> int:
        """How far behind the position a table is read again, in the marker's own unit."""
        return 0

    @property
    def settling_s(self) -> int:
        """Seconds that a fresh marker is left to settle."""
        return 0

    @property
    def look_s(self) -> int:
        """Seconds between two looks while streaming; 0: as often as there is time."""
        return 0

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        raise NotImplementedError

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        raise NotImplementedError


class DatabaseSource(SourceFile):
    """A table of a database, whose values have types of their own."""

    reads = "table"
    typed = True

    url: Reference = Field(
        description="SQLAlchemy URL, as a variable",
        examples=["${POPHUB_SOURCE_MPS_URL}"],
    )
    table: TableName = Field(description="table or view, with its schema", examples=["dancu.cong_dan"])
    key: tuple[ColumnName, ...] = Field(
        min_length=1, description="columns that order rows of one marker", examples=[["so_ddcn", "id"]]
    )

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        return self.table

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return f"the table `{self.table}`"


class SqlSource(DatabaseSource):
    """A table or view read through SQLAlchemy, in the order of marker and key."""

    tells_flaws = False

    kind: Literal["sql"] = Field(description="a table or view", examples=["sql"])
    late_s: int = Field(
        0, ge=0, description="seconds that a row may commit late under an older marker", examples=[3600]
    )
    late_rows: int = Field(
        0,
        ge=0,
        description="for `sequence`: by how many numbers at most a row is overtaken before it commits",
        examples=[1000],
    )
    settle_s: int = Field(0, ge=0, description="seconds that a fresh marker is left to settle", examples=[30])

    @property
    def window(self) -> int:
        """How far behind the position the table is read again, in the marker's own unit."""
        return self.late_s * 1_000_000 if self.marker.kind == "time" else self.late_rows

    @property
    def settling_s(self) -> int:
        """Seconds that a fresh marker is left to settle."""
        return self.settle_s


class CdcSource(DatabaseSource):
    """A table of PostgreSQL read once, and from then on through the server's log, change by change."""

    kind: Literal["cdc"] = Field(description="a table, by PostgreSQL's log", examples=["cdc"])
    marker: Marker = Field(
        Marker(kind="wal"), description="what orders the versions of a key: the place in the log"
    )
    publication: Name = Field(
        "pophub", description="publication at the source that the table belongs to", examples=["dancu_hub"]
    )
    slot: Name | None = Field(
        None,
        description="replication slot that the hub makes at the source; none: `pophub_<agency>_<dataset>`",
        examples=["pophub_mps_citizens_test"],
    )
    keep_wal_mb: int = Field(
        10_240,
        ge=1,
        description="megabytes of log that the source keeps for the hub, above which `alert.slot_kept` is told",
        examples=[51_200],
    )

    every_s: int = Field(
        0,
        ge=0,
        description="seconds between two looks while streaming, a session each; 0: the session stays open, and what is "
        "committed comes at once",
        examples=[10],
    )

    @property
    def look_s(self) -> int:
        """Seconds between two looks while streaming; 0: it is followed."""
        return self.every_s

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        return f"log of {self.table}"


class Manifest(Model):
    """Files beside the data that say of each data file how many rows it has, and its digest.

    A CSV file with a header, in the encoding and with the delimiter of the data; without `name`, lines as
    the program sha256sum writes them.
    """

    file: str = Field(min_length=1, description="glob of their names", examples=["*.manifest.csv"])
    name: ColumnName | None = Field(
        None, description="column with the data file's name", examples=["ten_tep"]
    )
    rows: ColumnName | None = Field(
        None, description="column with its number of rows, header left out", examples=["so_dong"]
    )
    digest: ColumnName | None = Field(
        None,
        description="column with its digest in hexadecimal: MD5, SHA-1, SHA-256 or SHA-512",
        examples=["sha256"],
    )


class FilesSource(SourceFile):
    """A drop folder of CSV and XLSX files and JSON lines; each file is taken once, by content."""

    reads = "folder"
    rounds = True

    kind: Literal["files"] = Field(description="a drop folder", examples=["files"])
    url: Reference = Field(
        description="the folder, as a variable",
        examples=["${POPHUB_SOURCE_THANHHOA_URL}"],
    )
    pattern: str = Field("*", description="glob of file names", examples=["ho_so_*.csv"])
    encoding: str = Field(
        "utf-8-sig", description="text encoding of CSV files, as Python names it", examples=["cp1258"]
    )
    delimiter: str = Field(
        ",", min_length=1, max_length=1, description="column separator of CSV files", examples=[";"]
    )
    header_line: int = Field(
        1,
        ge=1,
        le=1_000,
        description="line of CSV and XLSX files that names the columns, or the first below it that is not blank; "
        "what stands above, such as a title, is left out",
        examples=[4],
    )
    multiline: bool = Field(
        False, description="true: a quoted value of a CSV file may span lines", examples=[True]
    )
    last_line: Literal["ends", "may_end_open"] = Field(
        "ends",
        description="whether the last line of a CSV file may lack its end, as a cut one does",
        examples=["may_end_open"],
    )
    sheet: str | None = Field(
        None,
        min_length=1,
        description="sheets of XLSX files: a name, or a pattern of visible ones ('*': all); none: the first visible",
        examples=["Hồ sơ *"],
    )
    unread_sheets: Literal["hold", "ignore"] = Field(
        "hold",
        description="a workbook with rows under the same columns in a sheet that is not read",
        examples=["ignore"],
    )
    manifest: Manifest | None = Field(
        None, description="what says of each file how it must be; a file that no manifest names is not taken"
    )
    quiet_s: int = Field(
        2, ge=0, description="seconds a file must rest unchanged before it is read", examples=[10]
    )

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        return "files"

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return "a drop folder"


class HttpLogin(Model):
    """How the hub signs in at an HTTP source: by user and password, or by a token alone."""

    user: Reference | None = Field(
        None, description="the user; none: `secret` is a bearer token", examples=["${POPHUB_SOURCE_MIC_USER}"]
    )
    secret: Reference = Field(
        description="the token, or the user's password", examples=["${POPHUB_SOURCE_MIC_TOKEN}"]
    )


class HttpPages(Model):
    """How the next page of an HTTP source is asked for."""

    kind: Literal["cursor", "link", "number", "offset"] = Field(
        description="cursor: a value of the answer is sent back; link: the answer gives the next address, in its "
        "`Link` header or under `next`; number: pages are counted; offset: records are",
        examples=["cursor"],
    )
    next: MemberPath | None = Field(
        None, description="path of the cursor or the address in the answer", examples=["meta.next"]
    )
    parameter: str | None = Field(
        None,
        min_length=1,
        description="query parameter of cursor, page or offset",
        examples=["cursor"],
    )
    first: int = Field(1, ge=0, description="for `number`: number of the first page", examples=[0])
    size_parameter: str | None = Field(
        None, min_length=1, description="query parameter of the page's size", examples=["limit"]
    )
    size: int = Field(
        500,
        ge=1,
        le=10_000,
        description="records asked for at once, where that can be asked",
        examples=[1000],
    )


class HttpSince(Model):
    """How an HTTP source is asked for what changed, so that not all of it is read each time."""

    parameter: str = Field(
        min_length=1,
        description="query parameter of the oldest marker wanted, itself included",
        examples=["tu_luc"],
    )
    format: str | None = Field(
        None,
        description="strftime format, in the marker's zone; none: ISO 8601 with a zone, or the number of a sequence",
        examples=["%d/%m/%Y %H:%M:%S"],
    )


class HttpSource(SourceFile):
    """A paged JSON API, read from the oldest change that is wanted to the last page."""

    reads = "table"
    typed = False

    kind: Literal["http"] = Field(description="a paged JSON API", examples=["http"])
    url: Reference = Field(
        description="address of the first page, as a variable", examples=["${POPHUB_SOURCE_MIC_URL}"]
    )
    records: MemberPath | None = Field(
        None,
        description="path of the list of records in the answer; none: the answer is the list",
        examples=["du_lieu.ho_so"],
    )
    absent: Literal["refuse", "empty"] = Field(
        "refuse",
        description="what a member means that a record lacks: the record fails, or the value is empty",
        examples=["empty"],
    )
    login: HttpLogin | None = Field(None, description="how the hub signs in; none: it does not")
    certificate: Reference | None = Field(
        None,
        description="file with the certificates that the server's is checked by; none: those of this machine",
        examples=["${POPHUB_SOURCE_MIC_CA}"],
    )
    pages: HttpPages | None = Field(
        None, description="how the next page is asked for; none: there is one page"
    )
    since: HttpSince | None = Field(
        None, description="how only what changed is asked for; none: all is read each time"
    )
    ordered: bool = Field(
        False,
        description="true: pages come in the order of the marker, so a read that breaks off goes on where it was",
        examples=[True],
    )
    every_s: int = Field(10, ge=1, description="seconds between two looks while streaming", examples=[60])
    late_s: int = Field(
        0, ge=0, description="seconds that a record may appear late under an older marker", examples=[3600]
    )
    settle_s: int = Field(0, ge=0, description="seconds that a fresh marker is left to settle", examples=[30])

    @property
    def window(self) -> int:
        """How far behind the position is read again: only times appear late, microseconds."""
        return self.late_s * 1_000_000 if self.marker.kind == "time" else 0

    @property
    def settling_s(self) -> int:
        """Seconds that a fresh marker is left to settle."""
        return self.settle_s

    @property
    def look_s(self) -> int:
        """Seconds between two looks while streaming."""
        return self.every_s

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        return f"http, {self.records or 'the answer itself'}"

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return "an HTTP API"
