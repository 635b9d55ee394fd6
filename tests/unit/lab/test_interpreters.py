"""The files of an interpreter that the lab unpacked."""

from __future__ import annotations

from pathlib import Path

from lab.interpreters import LAUNCHER, runtime_files


def test_an_unpacked_interpreter_consists_of_its_loader_program_and_libraries(tmp_path: Path) -> None:
    libraries = tmp_path / "lib"
    (libraries / "gconv").mkdir(parents=True)
    for name in ("libc.so.6", "libssl.so", "engines.so/x", "README"):
        (libraries / name).parent.mkdir(exist_ok=True)
        (libraries / name).touch()
    python = tmp_path / "python3.14"
    python.write_text(LAUNCHER.format(loader="/x/ld.so", libraries=libraries, program="/x/python.real"))
    found = runtime_files(python)
    assert found[:2] == [Path("/x/ld.so"), Path("/x/python.real")]
    assert sorted(path.name for path in found[2:]) == ["libc.so.6", "libssl.so"]


def test_another_interpreter_uses_the_libraries_of_the_machine(tmp_path: Path) -> None:
    program, script = tmp_path / "python3.11", tmp_path / "shim"
    program.write_bytes(b"\x7fELF\x02\x01exec /x --library-path /y /z ")
    script.write_text('#!/bin/sh\nexec python3.11 "$@"\n')
    assert runtime_files(program) == runtime_files(script) == []
