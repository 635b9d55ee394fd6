"""Makes the Python packages of the image smaller: `python image_packages.py FOLDER`. The Dockerfile runs this.

It removes what the operator never loads, and the debug information of compiled modules, which is nearly half of their
60 MB. `strip` would need a version for each architecture.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from pathlib import Path

UNUSED = ("kubernetes/aio/**/*", "kubernetes/client/api/*", "kubernetes/client/models/[!_]*", "bin/*")
"""Typed Kubernetes clients (80 MB), because the operator uses only the reader of kubeconfig files; console scripts.

The package loads the module of a type when it is first used, so that the reader works without them.
"""

SOURCE_SUFFIXES = frozenset({".c", ".h", ".pxd", ".pxi", ".pyi", ".pyx"})
"""Sources of compiled modules, and annotations for type checkers."""

ELF_MAGIC = b"\x7fELF\x02\x01"
"""A little-endian ELF file of 64 bits, as on amd64 and arm64."""

PROGRAM_HEADERS_OFFSET = struct.Struct("<32xQ")
SECTION_HEADERS_OFFSET = struct.Struct("<Q")
SECTION_HEADERS_AT = 40
PROGRAM_HEADERS_SIZE = struct.Struct("<54xHH")
SECTION_COUNTS = struct.Struct("<HH")
SECTION_COUNTS_AT = 60
SEGMENT = struct.Struct("<8xQ16xQ")


def without_unloaded_sections(module: bytes) -> bytes:
    """Returns a shared library without the sections that are in no segment: symbols and debug information.

    The loader reads segments only (ELF specification, "Program Loading"); the table of sections is for linkers and
    debuggers. Another file, and one without such sections, is returned as it is.
    """
    if not module.startswith(ELF_MAGIC):
        return module
    (table,) = PROGRAM_HEADERS_OFFSET.unpack_from(module)
    size, count = PROGRAM_HEADERS_SIZE.unpack_from(module)
    segments = (SEGMENT.unpack_from(module, table + number * size) for number in range(count))
    end = max([table + count * size, *(offset + length for offset, length in segments)])
    header = bytearray(module[:end])
    SECTION_HEADERS_OFFSET.pack_into(header, SECTION_HEADERS_AT, 0)
    SECTION_COUNTS.pack_into(header, SECTION_COUNTS_AT, 0, 0)
    return bytes(header)


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0 if the folder was reduced, 1 for unknown packages, 2 for wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python image_packages.py FOLDER\n")
        return 2
    packages = Path(arguments[0])
    for pattern in UNUSED:
        found = [path for path in packages.glob(pattern) if path.is_file()]
        if not found:
            sys.stderr.write(f"'{packages}' has no '{pattern}': a package changed its layout\n")
            return 1
        for path in found:
            path.unlink()
    for path in sorted(path for path in packages.rglob("*") if path.is_file()):
        if path.suffix in SOURCE_SUFFIXES:
            path.unlink()
        elif ".so" in path.suffixes:
            path.write_bytes(without_unloaded_sections(path.read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
