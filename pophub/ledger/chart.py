"""A bar chart of growth as SVG: no library, light and dark, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from pophub.ledger.growth import Growth

WIDTH, TOP, HEIGHT, BASE = 720, 64, 220, 44
STYLE = """
  svg { background: #ffffff; font-family: system-ui, sans-serif; }
  .bar { fill: #2a5d9c; } .text { fill: #1b1f24; } .quiet { fill: #57606a; } .axis { stroke: #8c959f; }
  .open { fill-opacity: 0.35; stroke: #2a5d9c; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    .bar { fill: #6cb6ff; } .open { stroke: #6cb6ff; } .text { fill: #e6edf3; } .quiet { fill: #9198a1; } .axis { stroke: #59636e; }
  }
"""


def chart(title: str, note: str, rows: Sequence[Growth]) -> str:
    """Draw share transactions by period, with the growth against the period before on each bar."""
    most = max([row.transactions for row in rows] + [1])
    step = (WIDTH - 32) / max(1, len(rows))
    bars = "\n".join(_bar(row, 16 + index * step, step, most, len(rows)) for index, row in enumerate(rows))
    floor = TOP + HEIGHT
    told = "; ".join(f"{named(r)}: {r.transactions:,}{_sign(r)}{_signed(r)}" for r in rows)
    if any(row.changed for row in rows):
        note = f"{note}; * changed since it was signed"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {floor + BASE}" role="img" aria-labelledby="t d">
<title id="t">{escape(title)}</title>
<desc id="d">{escape(told)}</desc>
<style>{STYLE}</style>
<text class="text" x="16" y="26" font-size="18">{escape(title)}</text>
<text class="quiet" x="16" y="44" font-size="11">{escape(note)}</text>
{bars}
<line class="axis" x1="16" y1="{floor}" x2="{WIDTH - 16}" y2="{floor}"/>
</svg>
"""


def _bar(row: Growth, left: float, step: float, most: int, number: int) -> str:
    height = (HEIGHT - 40) * row.transactions / most
    top, middle, floor = TOP + HEIGHT - height, left + step / 2, TOP + HEIGHT
    size = 11 if number <= 12 else max(5, round(step / 4))
    width = min(90.0, step * 0.7)
    label = f'<text class="quiet" x="{middle:.1f}" y="{floor + 18}" font-size="{size}" text-anchor="middle">'
    value = f'<text class="text" x="{middle:.1f}" y="{top - 18:.1f}" font-size="{size}" text-anchor="middle">'
    grown = f'<text class="quiet" x="{middle:.1f}" y="{top - 5:.1f}" font-size="{size}" text-anchor="middle">'
    return (
        f'<rect class="bar{" open" if row.open else ""}" x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'
        f"{label}{escape(named(row))}</text>{value}{row.transactions:,}</text>{grown}{escape(_sign(row).strip())}</text>"
    )


def named(row: Growth) -> str:
    """Name a period: an open one says so, and one that changed since it was signed has a star."""
    return f"{row.period}{' (so far)' if row.open else ''}{'*' if row.changed else ''}"


def grown(row: Growth, percent: Decimal | None) -> str:
    """Write a percent; a period without data has none."""
    if row.transactions == 0:
        return "none"
    return "" if percent is None else f"{percent:+}"


def _sign(row: Growth) -> str:
    return " none" if row.transactions == 0 else "" if row.percent is None else f" {row.percent:+} %"


def _signed(row: Growth) -> str:
    if row.changed is None:
        return ""
    return f" ({row.changed.transactions:,} when signed, in checkpoint {row.changed.checkpoint})"
