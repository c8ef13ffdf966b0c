"""A month's pack as one page: charts, tables and what changed, in Vietnamese and English; nothing is loaded from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from pophub.contracts.model import Text
from pophub.figures.pack import Pack, PackTable
from pophub.figures.pack_chart import bars, number

MOST_CHANGES = 60
_TEXTS = {
    "changed": Text(en="What changed against the month before", vi="Thay đổi so với tháng trước"),
    "figure": Text(en="figure", vi="chỉ tiêu"),
    "of": Text(en="of", vi="của"),
    "what": Text(en="what", vi="nội dung"),
    "before": Text(en="a month before", vi="tháng trước"),
    "now": Text(en="now", vi="tháng này"),
    "nothing": Text(en="Nothing changed.", vi="Không có thay đổi."),
    "empty": Text(en="Nothing by then.", vi="Chưa có số liệu."),
    "proof": Text(en="What it stands on", vi="Cơ sở của số liệu"),
}


class _Cell(NamedTuple):
    """A cell of a table. Shape: `text` of the row's name is in both languages; `way` is more, less or soft."""

    text: Any
    change: str = ""
    way: str = "soft"


def page(pack: Pack, words: Mapping[str, Text]) -> str:
    """Write the page."""
    environment = Environment(
        loader=PackageLoader("pophub.figures"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    by_figure = groupby(pack.tables, key=lambda table: table.figure.name)
    figures = [_figure(name, list(tables), words) for name, tables in by_figure]
    signed = f"{pack.checkpoint.at:%Y-%m-%d %H:%M:%S} UTC"
    month, agency = pack.month, pack.agency
    return environment.get_template("pack.html").render(
        text=_TEXTS,
        title=Text(
            en=f"Project 06, monthly pack {month}" + (f": {agency}" if agency else ""),
            vi=f"Đề án 06, báo cáo tháng {month[5:]}/{month[:4]}" + (f": {agency}" if agency else ""),
        ),
        about=Text(
            en="Counted from accepted records as of the month's end; no figure names a person.",
            vi="Số liệu tính từ các bản ghi đã được chấp nhận đến hết tháng; không có dữ liệu cá nhân.",
        ),
        figures=figures,
        changed=list(_changed(pack, words)),
        proof=Text(
            en=f"Checkpoint {pack.checkpoint.id}, signed {signed}. The list of files and their digests is signed with the hub's key.",
            vi=f"Mốc kiểm tra {pack.checkpoint.id}, ký lúc {signed}. Danh sách tệp và mã băm được ký bằng khóa của hub.",
        ),
        checkpoint=pack.checkpoint.fingerprint,
    )


def said(name: Any, words: Mapping[str, Text]) -> Text:
    """Give what a column, a row or a way to count is called.

    >>> said("done_percent", {}).en
    'done percent'
    """
    text = number(name) if name is None or isinstance(name, bool) else str(name)
    found = words.get(text)
    return found or Text(en=text.replace("_", " "), vi=text.replace("_", " "))


def _figure(name: str, tables: list[PackTable], words: Mapping[str, Text]) -> dict[str, Any]:
    file = tables[0].figure.file
    target = None
    if file.target is not None:
        column, rest = said(file.target.column, words), f"≥ {file.target.at_least:g}, {file.target.due}"
        target = Text(en=f"{column.en} {rest}", vi=f"{column.vi} {rest}")
    shown = [_table(table, words) for table in tables]
    return {"name": name, "title": file.title, "unit": file.unit, "source": file.source, "target": target, "tables": shown}  # fmt: skip


def _table(table: PackTable, words: Mapping[str, Text]) -> dict[str, Any]:
    by, file = said(table.by or table.columns[0], words), table.figure.file
    heading = Text(en=f"by {by.en}", vi=f"theo {by.vi}")
    chart = table.columns.index(file.chart)
    drawn = [(said(row[0], words).vi, row[chart]) for row in table.rows]
    title = f"{file.title.vi} – {file.title.en}: {heading.vi} ({heading.en})"
    svg = bars(table.name.replace(".", "-"), title, _summary(drawn, file.unit), drawn) if drawn else ""
    columns = [by, *(said(name, words) for name in table.columns[1:])]
    return {"heading": heading, "chart": svg, "columns": columns, "file": f"{table.name}.csv",
            "rows": list(_rows(table, words))}  # fmt: skip


def _summary(drawn: list[tuple[str, Any]], unit: Text) -> str:
    """Say in a sentence what the bars show: the most, the least and how many."""
    known = [(float(value), name) for name, value in drawn if value is not None]
    if not known:
        return f"{len(drawn)}: –"
    (most, at_most), (least, at_least) = max(known), min(known)
    return f"{len(drawn)}; {unit.vi} ({unit.en}): max {number(most)} – {at_most}; min {number(least)} – {at_least}"


def _rows(table: PackTable, words: Mapping[str, Text]) -> Iterable[list[_Cell]]:
    changes = {(one.row, one.column): one for one in table.changes()}
    for row in table.rows:
        cells = [_Cell(said(row[0], words))]
        for column, value in zip(table.columns[1:], row[1:], strict=True):
            one = changes.get((str(row[0]), column))
            cells.append(_Cell(number(value), *(_difference(one.before, one.now) if one else ())))
        yield cells


def _difference(before: Any, now: Any) -> tuple[str, str]:
    """Give a change in words, and whether it is more or less.

    >>> _difference(3, 5), _difference(0.3, 0.1), _difference(None, 2), _difference(2, None)
    (('+2', 'more'), ('−0.2', 'less'), ('+', 'soft'), ('–', 'soft'))
    """
    if before is None or now is None:
        return ("+" if before is None else "–"), "soft"
    more = round(now - before, 6)  # of floats, without what their form adds
    return (f"+{number(more)}", "more") if more > 0 else (f"−{number(-more)}", "less")


def _changed(pack: Pack, words: Mapping[str, Text]) -> Iterable[dict[str, Any]]:
    """Give what changed of each figure as it is counted first, of the column that its chart shows."""
    told, figures = 0, set[str]()
    for table in pack.tables:
        if table.figure.name in figures:
            continue
        figures.add(table.figure.name)
        for one in table.changes():
            if one.column == table.figure.file.chart and told < MOST_CHANGES:
                told += 1
                yield {"title": table.figure.file.title, "row": said(one.row, words), "column": said(one.column, words),
                       "before": number(one.before), "now": number(one.now)}  # fmt: skip
