"""Small line charts in one SVG, without a library: they must read the same in light and dark pages."""

from __future__ import annotations

from typing import Any

WIDE, HIGH, LEFT, TOP, PLOT_W, PLOT_H = 300, 210, 46, 34, 230, 120
INK = "#6b7280"
LINES = (
    ("wall_us", "#2563eb", "", "by the clock"),
    ("cpu_us", "#d97706", ' stroke-dasharray="5 3"', "CPU of extract and workers"),
    ("dlt_wall_us", "#059669", ' stroke-dasharray="2 3"', "dlt pyarrow, by the clock"),
)
"""Figure, colour, dashes, words; a panel has those that its points have."""


def growth(found: dict[str, list[dict[str, Any]]]) -> str:
    """Draw microseconds a record by the clock and of CPU over each axis."""
    width = WIDE * 3
    height = HIGH * ((len(found) + 2) // 3) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" role="img">',
        "<title>Microseconds a record, by the clock and of the workers' CPU</title>",
        _legend(height),
    ]
    for place, (axis, points) in enumerate(found.items()):
        x, y = place % 3 * WIDE, place // 3 * HIGH
        parts.append(f'<g transform="translate({x} {y})">{_panel(axis, points)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _legend(height: int) -> str:
    return "".join(
        f'<line x1="{x}" y1="{height - 12}" x2="{x + 18}" y2="{height - 12}" stroke="{colour}" stroke-width="2"'
        f'{dash}/><text x="{x + 24}" y="{height - 8}" fill="{INK}">{text}</text>'
        for x, (_, colour, dash, text) in zip((LEFT, LEFT + 120, LEFT + 330), LINES, strict=True)
    )


def _panel(axis: str, points: list[dict[str, Any]]) -> str:
    lines = [line for line in LINES if line[0] in points[0]]
    most = max(point[line[0]] for point in points for line in lines) * 1.1
    step = PLOT_W / max(len(points) - 1, 1)
    out = [f'<text x="{LEFT}" y="20" fill="{INK}" font-weight="bold">{axis}</text>']
    for share in (0, 0.5, 1):
        y = TOP + PLOT_H * (1 - share)
        out.append(f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + PLOT_W}" y2="{y}" stroke="{INK}" opacity=".25"/>')
        out.append(
            f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor="end" fill="{INK}">{most * share:.0f}</text>'
        )
    for number, point in enumerate(points):
        x = LEFT + number * step
        out.append(
            f'<text x="{x}" y="{TOP + PLOT_H + 16}" text-anchor="middle" fill="{INK}">{point["value"]:,}</text>'
        )
    for key, colour, dash, _ in lines:
        places = [(LEFT + n * step, TOP + PLOT_H * (1 - p[key] / most)) for n, p in enumerate(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return "".join(out)
