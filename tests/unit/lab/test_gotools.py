"""Where the lab finds its Go programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import gotools

ROOT = Path(__file__).parents[3]


def fake(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def found(name: str, cache: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Asks a subprocess with this environment, an empty cache and no Go."""
    clean = {key: value for key, value in os.environ.items() if key not in {gotools.ASSETS, "PATH"}}
    return subprocess.run(
        [sys.executable, "-c", f"from lab.gotools import program; print(program({name!r}))"],
        cwd=ROOT,
        env={**clean, "HARBOR_LAB_CACHE": str(cache), "HARBOR_LAB_DOWNLOADS": "off", "PATH": "/nowhere", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_assets_directory_comes_first(tmp_path: Path) -> None:
    chosen = fake(tmp_path / "assets", "kubectl", "whatever it is")
    fake(tmp_path / "bin", "kubectl", "Client Version: v9.0.0")
    seen = found("kubectl", tmp_path, KUBEBUILDER_ASSETS=str(chosen.parent), PATH=str(tmp_path / "bin"))
    assert seen.stdout.strip() == str(chosen)


def test_a_program_on_path_is_used_if_it_is_not_older_than_the_pin(tmp_path: Path) -> None:
    version = gotools.PROGRAMS["helm"].version
    good = fake(tmp_path / "bin", "helm", f"v{version}+g0000000")
    assert found("helm", tmp_path, PATH=str(good.parent)).stdout.strip() == str(good)


@pytest.mark.parametrize("says", ["Client Version: v1.32.4-dispatcher", "no idea"])
def test_a_program_on_path_of_an_old_or_unknown_version_is_not_used(tmp_path: Path, says: str) -> None:
    fake(tmp_path / "bin", "kubectl", says)
    seen = found("kubectl", tmp_path, PATH=str(tmp_path / "bin"))
    assert "not using" in seen.stderr
    assert "there is no Go to build it" in seen.stderr


def test_a_go_that_is_too_old_is_named(tmp_path: Path) -> None:
    fake(tmp_path / "bin", "go", "go1.20.1")
    seen = found("etcd", tmp_path, PATH=str(tmp_path / "bin"))
    assert "too old to build etcd" in seen.stderr


def test_builds_are_cached_by_the_digest_of_their_pins(tmp_path: Path) -> None:
    homes = {name: spec.home for name, spec in gotools.PROGRAMS.items()}
    assert homes["kube-apiserver"] == homes["kubectl"]
    assert len(set(homes.values())) == len({spec.module for spec in gotools.PROGRAMS.values()})
