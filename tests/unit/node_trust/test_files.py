"""Files on a real file system."""

from __future__ import annotations

import ast
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harbor_operator.node_trust.files import MAX_BYTES, UNFINISHED_SECONDS, apply, observe
from harbor_operator.node_trust.plan import TEMPORARY, Changes


def test_what_is_written_can_be_read_by_everyone(tmp_path: Path) -> None:
    path = tmp_path / "cr.example.com" / "ca.crt"
    apply(Changes({path: "PEM\n"}, [], []))
    assert observe([tmp_path]) == {path: "PEM\n"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_is_replaced_and_not_changed(tmp_path: Path) -> None:
    """A runtime that has opened the file reads the former content to its end."""
    path = tmp_path / "cr.example.com" / "ca.crt"
    apply(Changes({path: "former\n"}, [], []))
    with path.open() as opened:
        apply(Changes({path: "new\n"}, [], []))
        assert (opened.read(), path.read_text()) == ("former\n", "new\n")
    assert [*path.parent.iterdir()] == [path]


def test_a_folder_is_removed_with_its_last_file(tmp_path: Path) -> None:
    ours, theirs = (tmp_path / host / "ca.crt" for host in ("a.example.com", "b.example.com"))
    other = theirs.with_name("client.cert")
    apply(Changes({ours: "", theirs: "", other: ""}, [], []))
    apply(Changes({}, [ours, theirs], []))
    assert observe([tmp_path]) == {}
    assert [*other.parent.iterdir()] == [other]
    assert [*tmp_path.iterdir()] == [other.parent]


def test_links_are_not_followed(tmp_path: Path) -> None:
    directory, target = tmp_path / "certs.d", tmp_path / "target"
    (target / "ca.crt").mkdir(parents=True)
    (directory / "b.example.com").mkdir(parents=True)
    folder, file = directory / "a.example.com", directory / "b.example.com" / "ca.crt"
    folder.symlink_to(target)
    file.symlink_to(target / "none")
    assert observe([directory]) == {folder: None, file: None}


def test_a_large_or_binary_file_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "cr.example.com" / "ca.crt"
    path.parent.mkdir()
    path.write_bytes(b"\xff" * (2 * MAX_BYTES))
    (content,) = observe([tmp_path]).values()
    assert content == "\ufffd" * MAX_BYTES


def test_only_an_old_temporary_file_is_unfinished(tmp_path: Path) -> None:
    """Another pod writes the young one now; if it were removed, that pod would fail."""
    old, young = (tmp_path / "cr.example.com" / f"{TEMPORARY}{name}" for name in ("old", "young"))
    apply(Changes({old: "", young: ""}, [], []))
    then = young.stat().st_mtime - UNFINISHED_SECONDS - 1
    os.utime(old, (then, then))
    assert observe([tmp_path]) == {old: ""}


def test_a_private_key_beside_them_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cr.example.com" / "client.key"
    path.parent.mkdir()
    path.write_text("key")
    assert observe([tmp_path]) == {}


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_what_a_user_without_capabilities_cannot_read_belongs_to_others(tmp_path: Path) -> None:
    """As in the pod: user 0 without capabilities."""
    folder, file = tmp_path / "a.example.com", tmp_path / "b.example.com" / "ca.crt"
    apply(Changes({folder / "ca.crt": "", file: ""}, [], []))
    for path, mode in ((folder, 0o700), (file, 0o600)):
        os.chown(path, 1, 1)
        path.chmod(mode)
    code = "import sys, pathlib; from harbor_operator.node_trust.files import observe; "
    code += "print({str(path): text for path, text in observe([pathlib.Path(sys.argv[1])]).items()})"
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "operator")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout) == {str(folder): None, str(file): None}


def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        observe([tmp_path / "absent"])
