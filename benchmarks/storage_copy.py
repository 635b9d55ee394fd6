"""How fast the operator copies images from one storage to another, beside rclone on the same stores.

    PYTHONPATH=operator python -m benchmarks.storage_copy > docs/benchmarks/storage-copy.json

In each turn, both programs copy the same objects into a new bucket, one after the other, in another order each time.
The operator copies as in a migration, and rclone with as many parallel transfers. The ratio of a turn is the speed of
the operator divided by that of rclone; other work on the machine slows both down.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pydantic import SecretStr

from benchmarks import machine
from benchmarks.program import started_at
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Container, SwiftAccount
from harbor_operator.plan.storage import FILE_PREFIX, S3_IMAGE_PREFIX
from harbor_operator.steps.storage_copy import PAGE_OBJECTS, PARALLEL_OBJECTS, ImageCopy, S3Images, SwiftImages
from lab.ceph import Ceph
from lab.certs import Authority
from lab.debian import Tool, locate
from lab.nginx import Front, Site
from lab.process import LabError, Processes
from lab.versitygw import VersityGateway

TURNS, WARM_UPS = 5, 1
SWIFT_KEY = "benchmark0benchmark1"
OPERATOR, RCLONE = "operator", "rclone"


class Load(NamedTuple):
    """A number of objects of one size, in bytes."""

    objects: int
    size: int


LOADS = {"links": Load(400, 71), "layers": Load(8, 16 << 20)}


class Time(NamedTuple):
    """Seconds until a copy has ended, and of the processor for the program that copies."""

    elapsed: float
    processor: float


@dataclass(frozen=True)
class Place:
    """A bucket or a container: its images as the operator copies them, and what rclone needs to know of it.

    `write` writes an object; `path` begins with the name of the bucket.
    """

    images: SwiftImages | S3Images
    write: Callable[[str, bytes], Awaitable[None]]
    path: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """Where a copy leads from and to; each takes the name of a new bucket."""

    name: str
    source: Callable[[str], Place]
    target: Callable[[str], Place]


def swift_place(account: SwiftAccount, name: str) -> Place:
    """Creates a container."""
    store = SwiftObjectStore()
    container = Container(asyncio.run(store.login(account)), name)
    asyncio.run(store.ensure_container(container))

    async def write(key: str, body: bytes) -> None:
        await store.write_object(container, f"{FILE_PREFIX}{key}", body, {})

    settings = {
        "type": "swift",
        "user": account.username,
        "key": account.password.get_secret_value(),
        "auth": account.auth_url,
    }
    return Place(SwiftImages(store, container), write, f"{name}/{FILE_PREFIX}", settings)


def s3_place(account: S3Account, name: str) -> Place:
    """Creates a bucket."""
    bucket = Bucket(account, name)
    images = S3Images(HttpS3Store(), bucket, "")
    asyncio.run(images.store.create_bucket(bucket))
    settings = {
        "type": "s3",
        "provider": "Other",
        "endpoint": account.endpoint,
        "region": account.region,
        "access_key_id": account.access_key,
        "secret_access_key": account.secret_key.get_secret_value(),
    }
    return Place(images, images.write, name, settings)


@contextmanager
def running(directory: Path) -> Iterator[tuple[Sequence[Pair], Path]]:
    """Yields the pairs of stores, and the certificates that rclone trusts; all processes end with the context."""
    processes, authority = Processes(directory / "log"), Authority.create(directory / "certs")
    try:
        ceph = Ceph.start(directory / "ceph", processes)
        straight = Site(ceph.rgw_url, host_header="$http_host")
        front = Front.start(directory / "front", processes, authority, straight)
        gateway = VersityGateway.start(directory / "versity", processes)
        username = ceph.create_swift_user("benchmark", "swift", SWIFT_KEY)
        swift = SwiftAccount(f"{ceph.rgw_url}/auth/v1.0", username, SecretStr(SWIFT_KEY), "swift")
        rgw = S3Account(ceph.rgw_url, "us-east-1", ceph.admin_access_key, SecretStr(ceph.admin_secret_key), "s3")
        tls = replace(rgw, endpoint=front.url, ca_pem=authority.ca_pem)
        versity = S3Account(gateway.url, gateway.region, gateway.access_key, SecretStr(gateway.secret_key), "s3")
        pairs = (
            Pair("Swift of RGW to S3 of RGW", partial(swift_place, swift), partial(s3_place, rgw)),
            Pair("S3 of RGW to S3 of versitygw", partial(s3_place, rgw), partial(s3_place, versity)),
            Pair("S3 of RGW to S3 of RGW, through TLS", partial(s3_place, tls), partial(s3_place, tls)),
        )
        yield pairs, authority.ca_path
    finally:
        processes.stop_all()


@dataclass(frozen=True)
class Rclone:
    """rclone, with the certificates that it trusts."""

    tool: Tool
    ca: Path

    def copy(self, source: Place, target: Place) -> None:
        """Copies everything. Raises LabError."""
        flags = [f"--transfers={PARALLEL_OBJECTS}", f"--checkers={PARALLEL_OBJECTS}", f"--ca-cert={self.ca}"]
        environment = {"HOME": str(self.ca.parent), "RCLONE_CONFIG": os.devnull, **self.tool.env}
        for remote, place in (("SOURCE", source), ("TARGET", target)):
            environment |= {f"RCLONE_CONFIG_{remote}_{key}".upper(): value for key, value in place.settings.items()}
        self._run("copy", *flags, f"source:{source.path}", f"target:{target.path}", environment=environment)

    def version(self) -> str:
        """Returns the version."""
        return self._run("version", environment=dict(self.tool.env)).split()[1]

    def _run(self, *arguments: str, environment: Mapping[str, str]) -> str:
        argv = [str(self.tool.path), *arguments]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"rclone has failed:\n{done.stderr.strip()}")
        return done.stdout


async def copy_images(source: Place, target: Place) -> None:
    """Copies everything as a migration does."""
    assert isinstance(target.images, S3Images)
    async with source.images.persistent() as images, target.images.persistent() as copies:
        async for _ in ImageCopy(images, copies).batches(""):
            pass


def main() -> None:
    """Prints every time as JSON, and a table of the medians on standard error."""
    tool = locate("rclone", ["rclone"])
    measured = []
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as (pairs, ca):
        rclone = Rclone(tool, ca)
        copies: Mapping[str, Callable[[Place, Place], None]] = {
            OPERATOR: lambda source, target: asyncio.run(copy_images(source, target)),
            RCLONE: rclone.copy,
        }
        for number, pair in enumerate(pairs):
            for name, load in LOADS.items():
                times = measure(pair, load, copies, f"{name}-{number}")
                sys.stderr.write(row(f"{pair.name}: {load.objects} {name}", load, times) + "\n")
                seconds = {program: [*map(Time._asdict, found)] for program, found in times.items()}
                measured.append({"copy": pair.name, "load": name, **load._asdict(), "seconds": seconds})
    facts = {**machine.hardware(), RCLONE: rclone.version()}
    results = {"date": started_at(), "machine": facts, "parallel": PARALLEL_OBJECTS, "copies": measured}
    sys.stdout.write(json.dumps(results, indent=1) + "\n")


def measure(
    pair: Pair, load: Load, copies: Mapping[str, Callable[[Place, Place], None]], name: str
) -> dict[str, list[Time]]:
    """Returns the time of each program in each turn. Raises LabError if an object is missing at a target."""
    source = pair.source(name)
    asyncio.run(fill(source, load))
    times: dict[str, list[Time]] = {program: [] for program in copies}
    for turn in range(WARM_UPS + TURNS):
        for program in sorted(copies, reverse=turn % 2 == 1):
            target = pair.target(f"{name}-{program}-{turn}")
            began, used = time.perf_counter(), _processor_seconds()
            copies[program](source, target)
            found = Time(round(time.perf_counter() - began, 3), round(_processor_seconds() - used, 3))
            if turn >= WARM_UPS:
                times[program].append(found)
            if asyncio.run(sizes(target)) != asyncio.run(sizes(source)):
                raise LabError(f"{program} has not copied everything to '{target.path}'")
    return times


async def fill(place: Place, load: Load) -> None:
    """Writes the objects of a load: links of tags, or blobs under their digest."""
    slots = asyncio.Semaphore(PARALLEL_OBJECTS)

    async def write(number: int) -> None:
        body = hashlib.shake_256(str(number).encode()).digest(load.size)
        digest = hashlib.sha256(body).hexdigest()
        is_blob = load.size > LOADS["links"].size
        key = f"blobs/sha256/{digest[:2]}/{digest}/data" if is_blob else f"repositories/library/app-{number:04d}/link"
        async with slots:
            await place.write(f"{S3_IMAGE_PREFIX}{key}", body)

    await asyncio.gather(*map(write, range(load.objects)))


async def sizes(place: Place) -> Mapping[str, int]:
    """Returns the size of each object."""
    return {one.name: one.bytes for one in await place.images.list("", PAGE_OBJECTS)}


def row(title: str, load: Load, times: Mapping[str, Sequence[Time]]) -> str:
    """Returns a row of the table: the medians, the ratio of the speeds, and the least and greatest ratio of a turn."""
    own, other = times[OPERATOR], times[RCLONE]
    ratios = sorted(two.elapsed / one.elapsed for one, two in zip(own, other, strict=True))
    speeds = [load.objects / median(one.elapsed for one in found) for found in (own, other)]
    processor = [median(one.processor for one in found) for found in (own, other)]
    cells = [f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}" for speed in speeds]
    cells += [f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})", *(f"{each:.1f} s" for each in processor)]
    return f"| {' | '.join((title, *cells))} |"


def _processor_seconds() -> float:
    """Returns the seconds of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
