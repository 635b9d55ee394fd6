"""The parts of the benchmark that judge: a wrong median would be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import number, percentile, spread, summary
from benchmarks.peer import read_files
from benchmarks.plots import Line, Panel, draw
from benchmarks.sightings import Sightings

JOURNAL = """\
1.0\tN\tREADY\t\t
1.0\tA\tREADY\t\t
1.0\tS\tREADY\t\t
2.0\tN\tADDED\tshop\t
2.1\tA\tADDED\tshop\t
2.2\tS\tADDED\tshop\taaaa
2.3\tA\tMODIFIED\tshop\ttheirs,pull
3.0\tS\tDELETED\tshop\taaaa
3.4\tS\tADDED\tshop\taaaa
4.0\tA\tMODIFIED\tshop\ttheirs
"""


def sightings(tmp_path: Path, *, needs_reference: bool = True) -> Sightings:
    journal = tmp_path / "journal"
    journal.write_text(JOURNAL)
    observed = Sightings(journal, "pull", needs_reference=needs_reference)
    observed.read()
    observed.close()
    return observed


def test_a_namespace_is_done_when_secret_and_reference_are_there(tmp_path: Path) -> None:
    observed = sightings(tmp_path)
    assert observed.is_watching
    assert (observed["shop"].created, observed["shop"].account, observed["shop"].done) == (2.0, 2.1, 2.3)
    assert observed.count_done(["shop", "other"]) == 1


def test_the_last_damage_counts_and_is_not_mended_yet(tmp_path: Path) -> None:
    assert (sightings(tmp_path)["shop"].broken, sightings(tmp_path)["shop"].mended) == (4.0, None)


def test_where_accounts_are_nobodys_business_the_secret_is_enough(tmp_path: Path) -> None:
    sight = sightings(tmp_path, needs_reference=False)["shop"]
    assert (sight.done, sight.broken, sight.mended) == (2.2, 3.0, 3.4)


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([float(one) for one in range(1, 101)], percent) == value


def test_a_summary_is_in_milliseconds() -> None:
    found = summary([0.001, 0.003, 0.002])
    assert (found["count"], found["p50"], found["p99"], found["max"]) == (3, 2.0, 3.0, 3.0)
    assert summary([]) == {"count": 0}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0123, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (1234.5, "1,234"), (2, "2.00")]
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_spread_names_the_extremes_only_where_they_differ() -> None:
    assert spread([2.0, 2.0], " s") == "2.00 s"
    assert spread([1.0, 2.0, 4.0], " s") == "2.00 s (1.00 to 4.00)"


def test_every_peer_says_what_holds_it_back() -> None:
    files = read_files()
    assert len({file.name for file in files}) == len(files) >= 5
    assert all(file.limits and file.settings and file.secret_name != "harbor-pull" for file in files)


def test_a_plot_is_drawn_even_of_nothing() -> None:
    full = Panel("t", "x", "y", [Line("a & b", [(1, 2), (10, 3)])])
    assert "a &amp; b" in draw([full, Panel("t", "x", "y", [])])
