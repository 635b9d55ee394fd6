"""Which files a node gets, and that files of other owners stay."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.node_trust.configuration import Configuration, RegistryMirror
from harbor_operator.node_trust.plan import TEMPORARY, Changes, desired_files, mark_of, plan_changes

MARK = mark_of("a.b")
CONTAINERD, DOCKER, CRIO = Path("/etc/containerd/certs.d"), Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d")
ALL = {"containerd": CONTAINERD, "docker": DOCKER, "crio": CRIO}
HUB = RegistryMirror("cr.example.com", "dockerhub", "https://registry-1.docker.io")
CONFIGURATION = Configuration({"cr.example.com": "PEM\n"}, {"docker.io": HUB})
CA, HOSTS, MIRROR = (
    CONTAINERD / name for name in ("cr.example.com/ca.crt", "cr.example.com/hosts.toml", "docker.io/hosts.toml")
)
DESIRED = desired_files(CONFIGURATION, {"containerd": CONTAINERD}, MARK)

paths = st.sampled_from([CA, HOSTS, MIRROR, CONTAINERD / "quay.io/hosts.toml", CONTAINERD / f"quay.io/{TEMPORARY}1"])
contents = st.sampled_from([None, "theirs", mark_of("other.one"), MARK, *DESIRED.values()])


def test_every_runtime_gets_the_ca_and_containerd_the_mirrors() -> None:
    files = desired_files(CONFIGURATION, ALL, MARK)
    crio, docker = CRIO / "cr.example.com/ca.crt", DOCKER / "cr.example.com/ca.crt"
    assert files.keys() == {CA, HOSTS, MIRROR, crio, docker}
    assert {files[CA], files[crio], files[docker]} == {f"{MARK}PEM\n"}
    assert all(content.startswith(MARK) for content in files.values())


def test_a_mirror_trusts_the_ca_of_its_registry() -> None:
    (mirror,) = tomllib.loads(DESIRED[MIRROR])["host"].values()
    assert mirror["ca"] == str(CA)


def test_a_registry_can_be_trusted_and_mirrored() -> None:
    """An upstream with a private CA: its own `ca` is for the fall-through."""
    configuration = Configuration(
        {"up.example.com": "PEM\n"},
        {"up.example.com": RegistryMirror("cr.example.com", "up", "https://up.example.com")},
    )
    path = CONTAINERD / "up.example.com"
    found = tomllib.loads(desired_files(configuration, ALL, MARK)[path / "hosts.toml"])
    assert found["ca"] == str(path / "ca.crt")
    assert [*found["host"]] == ["https://cr.example.com/v2/up"]


def test_a_ca_is_written_before_the_file_that_names_it_and_removed_after_it() -> None:
    assert [*plan_changes(DESIRED, {}, MARK).write] == [CA, HOSTS, MIRROR]
    early = desired_files(Configuration({"z.example.com": "PEM\n"}, {"a.io": HUB}), {"containerd": CONTAINERD}, MARK)
    assert [path.name for path in plan_changes(early, {}, MARK).write] == ["ca.crt", "hosts.toml", "hosts.toml"]
    assert plan_changes({}, DESIRED, MARK).remove == [MIRROR, HOSTS, CA]


def test_files_of_others_stay() -> None:
    theirs: dict[Path, str | None] = {CA: "PEM\n", HOSTS: mark_of("other.one"), MIRROR: None}
    assert plan_changes(DESIRED, theirs, MARK) == Changes({}, [], [CA, HOSTS, MIRROR])
    assert plan_changes({}, theirs, MARK) == Changes({}, [], [])


def test_a_link_in_place_of_a_folder_is_not_followed() -> None:
    found = plan_changes(DESIRED, {CA.parent: None}, MARK)
    assert (found.foreign, [*found.write]) == ([CA, HOSTS], [MIRROR])


def test_an_unfinished_file_is_removed() -> None:
    unfinished = CA.with_name(f"{TEMPORARY}1")
    assert plan_changes(DESIRED, {**DESIRED, unfinished: ""}, MARK).remove == [unfinished]


@given(st.dictionaries(paths, contents), st.booleans())
def test_only_own_files_change_and_a_second_plan_is_empty(observed: dict[Path, str | None], configured: bool) -> None:
    desired = DESIRED if configured else {}
    changes = plan_changes(desired, observed, MARK)
    touched = observed.keys() & {*changes.write, *changes.remove}
    assert all(
        (observed[path] or "").startswith(MARK) or (path.name.startswith(TEMPORARY) and observed[path] is not None)
        for path in touched
    )
    after = {path: content for path, content in observed.items() if path not in changes.remove} | dict(changes.write)
    assert plan_changes(desired, after, MARK) == Changes({}, [], changes.foreign)
    assert {path for path in desired if after.get(path) != desired[path]} <= {*changes.foreign}
