"""The smaller packages of the image: what is removed, and that a reduced module loads."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import msgspec
import pytest

from tools.image_packages import main, without_unloaded_sections


@pytest.fixture
def module() -> Path:
    """A compiled module of this Python, with its table of sections."""
    return Path(msgspec._core.__file__)


def test_a_reduced_module_is_smaller_and_loads(module: Path, tmp_path: Path) -> None:
    content = module.read_bytes()
    reduced = without_unloaded_sections(content)
    assert len(reduced) < len(content)
    copy = tmp_path / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    copy.write_bytes(reduced)
    script = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location('msgspec._core', sys.argv[1]);"
        "print(importlib.util.module_from_spec(spec).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(copy)], capture_output=True, text=True, check=True)
    assert done.stdout == "msgspec._core\n"


def test_a_reduced_module_stays_as_it_is(module: Path) -> None:
    reduced = without_unloaded_sections(module.read_bytes())
    assert without_unloaded_sections(reduced) == reduced


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01 of 32 bits"])
def test_another_file_stays_as_it_is(content: bytes) -> None:
    assert without_unloaded_sections(content) == content


def test_unused_files_are_removed_and_others_stay(tmp_path: Path, module: Path) -> None:
    kept = ("core.py", "_core.so.1", "kubernetes/client/models/__init__.py", "kubernetes/config/kube_config.py")
    removed = (
        "_core.pyx",
        "bin/websocket",
        "kubernetes/aio/client/api/core.py",
        "kubernetes/client/api/core.py",
        "kubernetes/client/models/v1_pod.py",
    )
    for name in (*kept, *removed):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "_core.so.1").write_bytes(module.read_bytes())
    assert main([str(tmp_path)]) == 0
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == set(kept)
    assert (tmp_path / "_core.so.1").stat().st_size < module.stat().st_size


def test_a_package_that_changed_its_layout_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "a package changed its layout" in capsys.readouterr().err
