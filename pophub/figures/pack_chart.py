"""A figure's bars as SVG within a page: a title, a summary for who does not see it, no library."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

WIDTH, ROW, NAME, VALUE = 720, 22, 210, 90
MOST_BARS = 40


def number(value: Any) -> str:
    """Write a number so that it reads the same in both languages: groups of three by a thin space.

    >>> number(20500000), number(57.0), number(68.7), number(None), number(True)
    ('20\u202f500\u202f000', '57', '68.7', '–', '✓')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, int | float | Decimal):
        whole = value == int(value)
        return (f"{int(value):,}" if whole else f"{value:,}").replace(",", "\u202f")
    return str(value)


def bars(name: str, title: str, summary: str, rows: Sequence[tuple[str, Any]]) -> str:
    """Draw a bar for each of the first rows; `name` is one that no other chart of the page has."""
    shown = rows[:MOST_BARS]
    values = [float(value or 0) for _, value in shown]
    most, height = max([*values, 0]) or 1, ROW * len(shown) + 8
    drawn = "\n".join(
        _bar(ROW * at + 4, label, value, max(size, 0) / most)
        for at, ((label, value), size) in enumerate(zip(shown, values, strict=True))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-t {name}-d">\n'
        f'<title id="{name}-t">{escape(title)}</title>\n<desc id="{name}-d">{escape(summary)}</desc>\n{drawn}\n</svg>'
    )


def _bar(top: int, label: str, value: Any, part: float) -> str:
    width = (WIDTH - NAME - VALUE) * part
    short = label if len(label) <= 30 else label[:29] + "…"
    return (
        f'<text class="name" x="{NAME - 8}" y="{top + 14}" text-anchor="end">{escape(short)}</text>'
        f'<rect class="bar" x="{NAME}" y="{top + 2}" width="{width:.1f}" height="{ROW - 6}" rx="2"/>'
        f'<text class="value" x="{NAME + width + 6:.1f}" y="{top + 14}">{escape(number(value))}</text>'
    )
