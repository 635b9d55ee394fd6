"""The environment and files that a kubelet gives to a container. Pure, except for the injected reader."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Object = dict[str, Any]
REFERENCE = re.compile(r"\$\((\w+)\)")


class Missing(Exception):  # noqa: N818 - describes the cluster
    """A ConfigMap, Secret or key that the pod needs does not exist (yet)."""


@dataclass
class Container:
    """The environment, the files by path, the writable directories, and the image of a container."""

    env: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    directories: list[str] = field(default_factory=list)
    image: str = ""


class Pod:
    """A pod template with a function that reads the objects that it references."""

    def __init__(self, spec: Object, read: Callable[[str, str], Object | None]) -> None:
        self._spec = spec
        self._read = read

    def container(self, name: str) -> Container:
        """Returns environment and files of a container. Raises Missing if an object or key does not exist."""
        raw = next((one for one in self._spec["containers"] if one["name"] == name), None)
        if raw is None:
            raise Missing(f"container '{name}' of the pod template")
        volumes = {one["name"]: one for one in self._spec.get("volumes") or []}
        container = Container(env=self._environment(raw), image=str(raw.get("image", "")))
        for mount in raw.get("volumeMounts") or []:
            self._mount(container, mount, volumes[mount["name"]])
        return container

    def _environment(self, raw: Object) -> dict[str, str]:
        env: dict[str, str] = {}
        for source in raw.get("envFrom") or []:
            reference = source.get("configMapRef") or source["secretRef"]
            kind = "configmaps" if "configMapRef" in source else "secrets"
            data = self._data(kind, reference["name"], optional=bool(reference.get("optional")))
            env |= {source.get("prefix", "") + key: value.decode() for key, value in data.items()}
        for one in raw.get("env") or []:
            value = self._value(one)
            if value is not None:
                env[one["name"]] = REFERENCE.sub(lambda match: env.get(match[1], match[0]), value)
        return env

    def _value(self, one: Object) -> str | None:
        source = one.get("valueFrom")
        if not source:
            return str(one.get("value") or "")
        reference = source.get("secretKeyRef") or source.get("configMapKeyRef")
        if reference is None:
            return ""  # the downward API is not supported
        kind = "secrets" if "secretKeyRef" in source else "configmaps"
        optional = bool(reference.get("optional"))
        found = self._data(kind, reference["name"], optional=optional).get(reference["key"])
        if found is None and not optional:
            raise Missing(f"key '{reference['key']}' of '{kind}/{reference['name']}'")
        return None if found is None else found.decode()

    def _mount(self, container: Container, mount: Object, volume: Object) -> None:
        path, sub_path = mount["mountPath"].rstrip("/"), mount.get("subPath", "")
        files = self._files(volume)
        if files is None:
            container.directories.append(path)
        elif sub_path in files:
            container.files[path] = files[sub_path]
        else:
            container.files |= {f"{path}/{name}": content for name, content in files.items()}

    def _files(self, volume: Object) -> dict[str, bytes] | None:
        """Returns the files of a volume, or None for a writable one."""
        sources = (volume.get("projected") or {}).get("sources") or [volume]
        files: dict[str, bytes] = {}
        for source in sources:
            if secret := source.get("secret"):
                files |= self._projected("secrets", secret.get("secretName") or secret["name"], secret)
            elif config := source.get("configMap"):
                files |= self._projected("configmaps", config["name"], config)
            elif source is volume:
                return None
        return files

    def _projected(self, kind: str, name: str, source: Object) -> dict[str, bytes]:
        optional = bool(source.get("optional"))
        data = self._data(kind, name, optional=optional)
        if not source.get("items"):
            return data
        wanted = {item["path"]: item["key"] for item in source["items"]}
        absent = sorted(key for key in wanted.values() if key not in data)
        if absent and not optional:
            raise Missing(f"key '{absent[0]}' of '{kind}/{name}'")
        return {path: data[key] for path, key in wanted.items() if key in data}

    def _data(self, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
        found = self._read(kind, name)
        if found is None:
            if optional:
                return {}
            raise Missing(f"'{kind}/{name}'")
        data = found.get("data") or {}
        if kind == "secrets":
            return {key: base64.b64decode(value) for key, value in data.items()}
        binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        return {key: str(value).encode() for key, value in data.items()} | binary
