"""Results as SVG, generated without a plotting library, because there are only two small pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 460, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 46
COLOURS = ("#1f6feb", "#6e7781", "#d1242f", "#bf8700", "#1a7f37", "#8250df", "#bc4c00", "#0e8a8a")
LEGEND_ROW = 18
TEXT = 'font-family="sans-serif" font-size="12" fill="#1f2328"'


@dataclass(frozen=True)
class Line:
    """The line of one injector in a panel."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Panel:
    """One diagram; a logarithmic axis shows powers of ten."""

    title: str
    across: str
    up: str
    lines: Sequence[Line]
    log_across: bool = True
    log_up: bool = False


@dataclass(frozen=True)
class Axis:
    """Maps values to pixels."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    def place(self, value: float) -> float:
        """Returns the pixel of a value."""
        if self.log:
            share = (math.log10(max(value, self.low)) - math.log10(self.low)) / (
                math.log10(self.high) - math.log10(self.low)
            )
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Returns the values of the axis labels."""
        if self.log:
            powers = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            return [10.0**power for power in powers]
        step = 10 ** math.floor(math.log10(self.high)) / 2
        step *= math.ceil(self.high / step / 8)
        return [step * index for index in range(int(self.high / step) + 1)]


def draw(panels: Sequence[Panel]) -> str:
    """Returns one picture with the panels side by side and one legend under them."""
    labels = list(dict.fromkeys(line.label for panel in panels for line in panel.lines))
    colours = {label: COLOURS[index % len(COLOURS)] for index, label in enumerate(labels)}
    height = HEIGHT + LEGEND_ROW * len(labels) + 12
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for index, panel in enumerate(panels):
        parts += [f'<g transform="translate({index * WIDTH} 0)">', *_panel(panel, colours), "</g>"]
    for index, label in enumerate(labels):
        middle = HEIGHT + LEGEND_ROW * index + 8
        parts.append(f'<path d="M{LEFT} {middle}h24" stroke="{colours[label]}" stroke-width="3"/>')
        parts.append(f'<text x="{LEFT + 32}" y="{middle + 4}" {TEXT}>{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, colours: dict[str, str]) -> list[str]:
    across = _axis(panel, lambda point: point[0], log=panel.log_across, ends=(LEFT, WIDTH - RIGHT))
    up = _axis(panel, lambda point: point[1], log=panel.log_up, ends=(HEIGHT - BOTTOM, TOP))
    parts = [f'<text x="{LEFT}" y="20" {TEXT} font-weight="bold">{escape(panel.title)}</text>']
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#d8dee4"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" {TEXT} text-anchor="middle">{value:g}</text>')
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#d8dee4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" {TEXT} text-anchor="end">{value:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" {TEXT} text-anchor="middle">{escape(panel.across)}</text>')
    parts.append(
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" {TEXT} text-anchor="middle">'
        f"{escape(panel.up)}</text>"
    )
    for line in panel.lines:
        places = [(across.place(x), up.place(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = colours[line.label]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(places) <= len(COLOURS):
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return parts


def _axis(panel: Panel, pick: Callable[[Point], float], *, log: bool, ends: tuple[float, float]) -> Axis:
    values = [pick(point) for line in panel.lines for point in line.points]
    if not log:
        return Axis(0.0, max([*values, 0.0]) * 1.05 or 1.0, log, *ends)
    positive = [value for value in values if value > 0] or [1.0]
    low, high = 10.0 ** math.floor(math.log10(min(positive))), 10.0 ** math.ceil(math.log10(max(positive)))
    return Axis(low, high if high > low else low * 10, log, *ends)
