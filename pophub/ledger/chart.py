"""A bar chart of growth as SVG: no library, light and dark, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pophub.ledger.growth import Growth

WIDTH, TOP, HEIGHT, BASE = 720, 64, 220, 44
STYLE = """
  svg { background: #ffffff; font-family: system-ui, sans-serif; }
  .bar { fill: #2a5d9c; } .text { fill: #1b1f24; } .quiet { fill: #57606a; } .axis { stroke: #8c959f; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    .bar { fill: #6cb6ff; } .text { fill: #e6edf3; } .quiet { fill: #9198a1; } .axis { stroke: #59636e; }
  }
"""


def chart(title: str, note: str, rows: Sequence[Growth]) -> str:
    """Draw share transactions by period, with the growth against the period before on each bar."""
    most = max([row.transactions for row in rows] + [1])
    step = (WIDTH - 32) / max(1, len(rows))
    bars = "\n".join(_bar(row, 16 + index * step, step, most, len(rows)) for index, row in enumerate(rows))
    floor = TOP + HEIGHT
    told = "; ".join(f"{r.period}: {r.transactions:,}{_sign(r)}" for r in rows)
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
        f'<rect class="bar" x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'
        f"{label}{escape(row.period)}</text>{value}{row.transactions:,}</text>{grown}{escape(_sign(row).strip())}</text>"
    )


def _sign(row: Growth) -> str:
    return "" if row.percent is None else f" {row.percent:+} %"
