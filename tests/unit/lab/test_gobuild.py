"""Programs of a Go module, built together."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.gobuild import compile_programs
from lab.process import LabError

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
MAIN = 'package main\n\nvar version string\n\nfunc main() { println("NAME", version) }\n'


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """A module without dependencies that has two programs; the path of one ends with a major version."""
    module = tmp_path / "module"
    for folder in ("cmd/one", "server/v3"):
        (module / folder).mkdir(parents=True)
        (module / folder / "main.go").write_text(MAIN.replace("NAME", folder))
    (module / "go.mod").write_text("module example.com/it\n\ngo 1.26.0\n")
    return module


def test_programs_are_built_together_under_their_own_names(tmp_path: Path, pins: Path) -> None:
    home = tmp_path / "home"
    packages = {"one": "example.com/it/cmd/one", "other": "example.com/it/server/v3"}
    compile_programs("it 1.0", pins, packages, "-X main.version=1.0", home)
    for name, says in (("one", "cmd/one 1.0\n"), ("other", "server/v3 1.0\n")):
        assert subprocess.run([home / name], capture_output=True, text=True, check=True).stderr == says
    assert {path.name for path in home.iterdir()} == {"one", "other"}


def test_a_failed_build_shows_the_error_and_the_command(
    tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pins / "cmd/one/main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(LabError, match=r"go build (.|\n)*undefined: missing") as error:
        compile_programs("it 1.0", pins, {"one": "example.com/it/cmd/one"}, "", tmp_path / "home")
    assert f"cd {pins} && " in str(error.value)
    assert "Building it 1.0: failed" in capsys.readouterr().err
    assert not (tmp_path / "home" / "one").exists()
