"""The SVG plots of the benchmark."""

from __future__ import annotations

from benchmarks.plots import Line, Panel, draw


def test_a_plot_is_drawn_without_data() -> None:
    full = Panel("t", "x", "y", [Line("a & b", [(1, 2), (10, 3)])])
    assert "a &amp; b" in draw([full, Panel("t", "x", "y", [])])
