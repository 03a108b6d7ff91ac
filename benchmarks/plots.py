"""Draws plots as SVG: the same bytes for the same figures, on white, in colours that the colour-blind tell apart."""

from collections.abc import Sequence
from io import StringIO
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.measured import Plot, Point

WIDTH = 8.4
HEIGHT_OF_LINES = 4.6
HEIGHT_OF_A_BAR = 0.24
HEIGHT_AROUND_BARS = 1.3
LEGEND_COLUMNS = 2
MOST_BESIDE, LONGEST_BESIDE = 8, 28
MARGIN = 0.15
PART_FOR_BARS = 0.82
COLOURS = ("#0077bb", "#cc3311", "#009988", "#ee7733", "#aa3377", "#555555", "#33bbee", "#998822")
# One less than colours, so that lines share either at most.
MARKERS = "osD^vPX"
FONT = "DejaVu Sans"
STYLE = {
    # Ids, and nothing of the day or the machine.
    "svg.hashsalt": "figures",
    # Letters stay letters: small, and found by a search.
    "svg.fonttype": "none",
    "font.family": FONT,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "text.parse_math": False,
}
MOST_DECIMALS = 1000
LEAST_GAP = 0.05
"""Between two labels, of the height of the plot."""


class End(NamedTuple):
    """The last point of a line, and what it is called."""

    x: float
    y: float
    name: str
    colour: str


def draw(plot: Plot, path: Path) -> None:
    """Draw *plot* into the file at *path*."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # its stubs list every setting as a literal
        margins = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)
        figure = Figure(figsize=(WIDTH, _height(plot)), layout=margins)
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        axes.set_title(plot.title)
        (_bars if plot.kind == "bars" else _lines)(axes, plot)
        if _has_legend(plot):
            figure.legend(loc="outside lower left", ncols=LEGEND_COLUMNS, frameon=False)
        drawing = StringIO()
        metadata = {"Title": plot.title, "Identifier": plot.digest(), "Date": None, "Creator": None}
        figure.savefig(drawing, format="svg", metadata=metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Letters are laid out for a font that few readers have; Verdana is as wide.
    path.write_text(drawing.getvalue().replace(f"'{FONT}'", f"'{FONT}', Verdana"))


def _height(plot: Plot) -> float:
    legend = HEIGHT_OF_A_BAR * ceil(len(plot.series) / LEGEND_COLUMNS) if _has_legend(plot) else 0
    if plot.kind == "lines":
        return HEIGHT_OF_LINES + legend
    bars = len(plot.series) * len(_names(plot)) / PART_FOR_BARS
    return HEIGHT_AROUND_BARS + HEIGHT_OF_A_BAR * bars + legend


def _has_legend(plot: Plot) -> bool:
    """Tell whether names stand below: those of bars, and of lines that are too many or have too long ones."""
    if plot.kind == "bars":
        return len(plot.series) > 1
    return len(plot.series) > MOST_BESIDE or max(map(len, plot.series)) > LONGEST_BESIDE


def _names(plot: Plot) -> list[str]:
    """Return every x of the series, each once, in their order."""
    return list(dict.fromkeys(str(point.x) for points in plot.series.values() for point in points))


def _bars(axes: Axes, plot: Plot) -> None:
    """Draw lying bars, which have room for names beside them, and their values behind them."""
    names = _names(plot)
    thickness = PART_FOR_BARS / len(plot.series)
    for number, (series, points) in enumerate(plot.series.items()):
        at = [names.index(str(point.x)) + thickness * (number + 0.5) - PART_FOR_BARS / 2 for point in points]
        values = [point.y for point in points]
        axes.barh(at, values, thickness * 0.9, color=COLOURS[number % len(COLOURS)], label=series)
        _whiskers(axes, points, at, "x", "#333333")
        for place, point in zip(at, points, strict=True):
            _beside(axes, _written(point.y), max(point.y, point.high or 0), place)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=plot.y_label, ylabel=plot.x_label)
    _scale(axes, "x", logarithmic=plot.log_y)
    axes.margins(x=0.12)


def _lines(axes: Axes, plot: Plot) -> None:
    names = _names(plot)
    are_words = any(isinstance(point.x, str) for points in plot.series.values() for point in points)
    ends = []
    for number, (series, points) in enumerate(plot.series.items()):
        x = [names.index(str(point.x)) if are_words else float(point.x) for point in points]
        y = [point.y for point in points]
        colour = COLOURS[number % len(COLOURS)]
        _whiskers(axes, points, x, "y", colour)
        axes.plot(x, y, label=series, linewidth=2, markersize=6, color=colour, marker=MARKERS[number % len(MARKERS)])
        ends.append(End(x[-1], y[-1], series, colour))
    if are_words:
        axes.set_xticks(range(len(names)), names)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label)
    _scale(axes, "x", logarithmic=plot.log_x and not are_words, from_zero=False)
    _scale(axes, "y", logarithmic=plot.log_y)
    if not _has_legend(plot):
        _label_ends(axes, ends)


def _whiskers(axes: Axes, points: Sequence[Point], places: Sequence[float], along: str, colour: str) -> None:
    """Draw the spread of those points that have one, along the axis of the values."""
    look: dict[str, Any] = {"fmt": "none", "ecolor": colour, "elinewidth": 1, "capsize": 2, "zorder": 3}
    for place, point in zip(places, points, strict=True):
        low = point.y if point.low is None else point.low
        high = point.y if point.high is None else point.high
        if low < high:
            spread = [[point.y - low], [high - point.y]]
            if along == "x":
                axes.errorbar(point.y, place, xerr=spread, **look)
            else:
                axes.errorbar(place, point.y, yerr=spread, **look)


def _beside(axes: Axes, text: str, x: float, y: float) -> None:
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=9)


def _scale(axes: Axes, which: str, *, logarithmic: bool, from_zero: bool = True) -> None:
    """Set the scale of one axis, with its numbers written out; one that is not logarithmic starts at zero."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if logarithmic:
        axes.set(**{f"{which}scale": "log"})
        axis.set_minor_formatter(NullFormatter())
    elif from_zero:
        axes.set(**{f"{which}lim": (0, None)})
    if logarithmic or from_zero:
        axis.set_major_formatter(FuncFormatter(lambda value, _: _written(value)))
        axis.grid(visible=True)


def _label_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Write each line's name behind its last point, and apart from the others' names."""
    axes.autoscale_view()
    to_height = axes.transData + axes.transAxes.inverted()
    heights = sorted((float(to_height.transform((end.x, end.y))[1]), end.name, end.colour) for end in ends)
    places = _apart([height for height, _, _ in heights])
    for place, (_, name, colour) in zip(places, heights, strict=True):
        axes.annotate(name, (1.02, place), xycoords="axes fraction", va="center", fontsize=9, color=colour)


def _apart(heights: Sequence[float]) -> list[float]:
    """Return rising heights, moved up and then down until there is a gap between any two, and none is above one."""
    up = list(accumulate(heights, lambda below, height: max(height, below + LEAST_GAP)))
    from_the_top = [min(up[-1], 1.0), *up[-2::-1]]
    return list(accumulate(from_the_top, lambda above, height: min(height, above - LEAST_GAP)))[::-1]


def _written(value: float) -> str:
    """Return a number with three digits that count, and all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= MOST_DECIMALS else f"{value:.3g}"
