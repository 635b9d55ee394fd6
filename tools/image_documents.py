"""Writes what the image says about itself: `sbom.cdx.json`, and the licence texts of the Python packages.

The Dockerfile runs this. The SBOM joins three lists of components, all of them taken from the files of the image:

- the Python packages, listed by cyclonedx-py from their installed metadata;
- the Go modules that are compiled into helm, listed by cyclonedx-gomod from the binary;
- the Debian packages of the base image, read here from the database of dpkg.

The output is the same for the same input: it has no serial number, and its time is SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SPEC_VERSION = SchemaVersion.V1_6
ROOT = "harbor-operator"
HELM = "helm.sh/helm/v4"
STANDARD_LIBRARY = "std"
LICENCE_NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright|authors)", re.IGNORECASE)
VERSION = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)

Json = dict[str, Any]


class DocumentsError(Exception):
    """The documents cannot be written; the message says why."""


def combined(version: str, created: datetime, python: Json, go: Json, debian: Sequence[Json]) -> Json:
    """Returns one CycloneDX document of the image from the parts.

    Raises `DocumentsError` if a part is empty or if the Go program is not helm.
    """
    program = go.get("metadata", {}).get("component", {})
    if program.get("name") != HELM or not python.get("components") or not debian:
        raise DocumentsError(f"no Python package, no Debian package or no module '{HELM}' was found in the image")
    modules = [program, *map(_with_licence, go["components"])]
    components = sorted([*python["components"], *modules, *debian], key=lambda component: str(component["bom-ref"]))
    inner = [*python.get("dependencies", []), *go.get("dependencies", [])]
    needed = {reference for edge in inner for reference in edge.get("dependsOn", [])}
    direct = [component["bom-ref"] for component in components if component["bom-ref"] not in needed]
    root = {
        "type": "container",
        "bom-ref": ROOT,
        "name": ROOT,
        "version": version,
        "licenses": [_licence("Apache-2.0")],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION.to_version(),
        "version": 1,
        "metadata": {"timestamp": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": root},
        "components": components,
        "dependencies": sorted([_edge(ROOT, direct), *inner], key=lambda edge: str(edge["ref"])),
    }


def _edge(source: str, targets: Sequence[str]) -> Json:
    return {"ref": source, "dependsOn": sorted(target for target in targets if target != source)}


def _licence(identifier: str) -> Json:
    return {"license": {"id": identifier}}


def _with_licence(module: Json) -> Json:
    """Adds the licence of Go's own library, which is no module that cyclonedx-gomod can look up."""
    return {**module, "licenses": [_licence("BSD-3-Clause")]} if module["name"] == STANDARD_LIBRARY else module


def debian_components(database: Path) -> Iterator[Json]:
    """Yields a component for each installed package of a dpkg database, a `status` file or a `status.d` folder."""
    files = [database / "status", *sorted((database / "status.d").glob("*"))]
    for path in files:
        if path.is_file() and path.suffix != ".md5sums":
            for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
                fields = dict(re.findall(r"^(\w[\w-]*): (.+)$", paragraph, re.MULTILINE))
                if "Package" in fields and fields.get("Status", "installed").endswith("installed"):
                    yield _debian_component(fields)


def _debian_component(fields: dict[str, str]) -> Json:
    name, version = fields["Package"], fields["Version"]
    purl = PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"]}).to_string()
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def check_valid(text: str) -> None:
    """Raises `DocumentsError` unless the text is a valid CycloneDX document."""
    if (problem := JsonStrictValidator(SPEC_VERSION).validate_str(text)) is not None:
        raise DocumentsError(f"the SBOM is not valid CycloneDX: {problem}")


def copy_licences(packages: Path, target: Path) -> None:
    """Copies the licence texts of installed Python packages into `target/NAME-VERSION/`.

    Raises `DocumentsError` if a package has none.
    """
    for metadata in sorted(packages.glob("*.dist-info")):
        texts = [path for path in sorted(metadata.rglob("*")) if path.is_file() and LICENCE_NAMES.match(path.name)]
        if not texts:
            raise DocumentsError(f"the package '{metadata.stem}' contains no licence text: add it by hand")
        folder = target / metadata.stem
        for text in texts:
            copy = folder / text.relative_to(metadata)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(text, copy)


def _version(module: Path) -> str:
    found = VERSION.search(module.read_text(encoding="utf-8"))
    if found is None:
        raise DocumentsError(f"'{module}' sets no `__version__`")
    return found["version"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 if the documents were written, 1 if they cannot be complete."""
    parser = argparse.ArgumentParser(description="Write the SBOM and the licence texts of the image.")
    for name in ("version-of", "python", "go", "debian", "packages", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    created = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    try:
        python, go = (json.loads(path.read_text(encoding="utf-8")) for path in (chosen.python, chosen.go))
        bom = combined(_version(chosen.version_of), created, python, go, list(debian_components(chosen.debian)))
        text = json.dumps(bom, indent=1, ensure_ascii=False) + "\n"
        check_valid(text)
        (chosen.output / "sbom.cdx.json").write_text(text, encoding="utf-8")
        copy_licences(chosen.packages, chosen.output / "licenses" / "python")
    except DocumentsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
