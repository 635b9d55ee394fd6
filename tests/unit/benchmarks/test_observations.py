"""The watcher's journal becomes one record per namespace."""

from __future__ import annotations

from pathlib import Path

from benchmarks.observations import Observations

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


def observe(tmp_path: Path, *, needs_reference: bool = True) -> Observations:
    journal = tmp_path / "journal"
    journal.write_text(JOURNAL)
    observations = Observations(journal, "pull", needs_reference=needs_reference)
    observations.read()
    observations.close()
    return observations


def test_a_namespace_is_done_when_secret_and_reference_are_there(tmp_path: Path) -> None:
    observed = observe(tmp_path)
    assert observed.is_watching
    assert (observed["shop"].created, observed["shop"].account, observed["shop"].done) == (2.0, 2.1, 2.3)
    assert observed.count_done(["shop", "other"]) == 1


def test_the_last_damage_counts_until_it_is_repaired(tmp_path: Path) -> None:
    assert (observe(tmp_path)["shop"].broken, observe(tmp_path)["shop"].repaired) == (4.0, None)


def test_without_the_reference_in_scope_the_secret_is_enough(tmp_path: Path) -> None:
    observation = observe(tmp_path, needs_reference=False)["shop"]
    assert (observation.done, observation.broken, observation.repaired) == (2.2, 3.0, 3.4)
