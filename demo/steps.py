"""The steps of the demo; each step fails with an error if its result is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from lab.images import make_image
from lab.node.apps import deployment, wait_refused, wait_running, write_app
from lab.observer import Observer
from lab.operator import Operator
from lab.process import LabError
from lab.registry_fixture import RegistryFixture, install

if TYPE_CHECKING:
    from rich.console import Console

    from lab.lab import Lab
    from lab.node.kubelet import KubeletNode

MAX_READY_SECONDS = 90
NAMESPACES = ("shop", "billing", "search")
OPEN, EXCLUDED = "checkout", "kube-closed"
MAX_NAME_CHARACTERS = 120
COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}


def run_demo(lab: Lab, console: Console) -> None:
    """Runs all steps. Raises LabError with the result that is missing."""
    console.print(f"[bold]1. Real servers[/] on loopback, logs in {lab.directory / 'logs'}")
    console.print(
        "   etcd, kube-apiserver, controller-manager, scheduler; PostgreSQL with TLS; Redis; Ceph RGW behind TLS"
    )
    console.print(f"   {lab.choice.describe()}")
    console.print(f"   {_release(lab)}")
    console.print(f"   chart: {lab.chart.describe()}")
    console.print("[bold]2. CRD and RBAC rights[/] from deploy/, then the operator with exactly these RBAC rights")
    install(lab)
    fixture = RegistryFixture.set_up(lab)
    operator = Operator.start(lab.control_plane, lab.processes)
    operator.wait_leading()
    console.print(f"[bold]3. One HarborRegistry[/] from deploy/examples/full.yaml: {fixture.front.url}")
    seconds = _wait_ready(fixture, console)
    console.print(f"   every condition is True after [bold]{seconds:.1f} s[/]")
    console.print("[bold]4. Three new namespaces[/]: the operator injects the pull Secret")
    _create_namespaces(lab, console)
    console.print("[bold]5. An image[/] pushed by the admin, pulled with the Secret of one of them")
    _push_and_pull(fixture, console)
    console.print("[bold]6. Pods that pull[/]: a Deployment without `imagePullSecrets`")
    if lab.kubelet is not None:
        _run_pods(fixture, lab.kubelet, console)
    else:
        console.print("   skipped: pods do not run on this node. As root on Linux the demo includes this step.")
    console.print("[bold]7. The result[/]")
    _show(fixture, console)


def _release(lab: Lab) -> str:
    if lab.kubelet is not None:
        return "the release's pods run on it; a real nginx serves the Ingress of the release"
    return "registry and core of the release run as local processes"


def _run_pods(fixture: RegistryFixture, node: KubeletNode, console: Console) -> None:
    plane = fixture.lab.control_plane
    reference = f"{fixture.front.url.removeprefix('https://')}/team-a/runs:1"
    layout = write_app(fixture.lab.directory / "runs")
    ca_dir = fixture.lab.authority.ca_dir
    fixture.skopeo.copy_in(layout, reference, authfile=fixture.admin_credential(), ca_dir=ca_dir)
    observer = Observer(plane)
    for name, wait, ends in ((OPEN, wait_running, "Running"), (EXCLUDED, wait_refused, "ErrImagePull, as expected")):
        began = observer.create_namespace(name)
        if name == OPEN:
            observer.wait_injected(name)
        plane.apply(deployment(name, reference))
        wait(plane, node, name)
        console.print(f"   namespace {name:12} pod is {ends} after [bold]{time.monotonic() - began:.1f} s[/]")
    observer.close()


def _wait_ready(fixture: RegistryFixture, console: Console) -> float:
    began = time.monotonic()
    fixture.registry.apply(fixture.spec)
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while not fixture.registry.is_settled():
            live.update(_conditions(fixture))
            if time.monotonic() - began > MAX_READY_SECONDS:
                raise LabError(f"not ready after {MAX_READY_SECONDS} seconds:\n{fixture.registry.describe()}")
            time.sleep(0.2)
    seconds = time.monotonic() - began
    console.print(_conditions(fixture))
    return seconds


def _conditions(fixture: RegistryFixture) -> Table:
    table = Table("CONDITION", "STATUS", "REASON", "MESSAGE", box=None, padding=(0, 2), header_style="dim")
    for item in fixture.registry.status().get("conditions", []):
        colour = COLOURS[item["status"]]
        table.add_row(item["type"], f"[{colour}]{item['status']}[/]", item["reason"], item["message"])
    return table


def _create_namespaces(lab: Lab, console: Console) -> None:
    observer = Observer(lab.control_plane)
    for name in NAMESPACES:
        made = observer.create_namespace(name)
        seconds = observer.wait_injected(name) - made
        console.print(f"   namespace {name:8} has Secret and reference after [bold]{seconds * 1000:.0f} ms[/]")
    observer.close()


def _push_and_pull(fixture: RegistryFixture, console: Console) -> None:
    directory = fixture.lab.directory / "image"
    make_image(directory, size=6 << 20)
    reference = f"{fixture.front.url.removeprefix('https://')}/team-a/app:1"
    ca_dir = fixture.lab.authority.ca_dir
    pushed = fixture.skopeo.copy_in(directory, reference, authfile=fixture.admin_credential(), ca_dir=ca_dir)
    target = fixture.lab.directory / "pulled"
    credential = fixture.credential(NAMESPACES[0])
    pulled = fixture.skopeo.copy_out(reference, target, authfile=credential, ca_dir=ca_dir)
    if pushed != pulled:
        raise LabError(f"pushed {pushed} and pulled {pulled}")
    console.print(f"   {reference}\n   {pushed}")
    objects = fixture.lab.services.ceph.objects(fixture.container)
    size = sum(stored.size for stored in objects)
    console.print(f"   Swift container {fixture.container}: {len(objects)} objects, {size / 1e6:.1f} MB, for example")
    for stored in [one for one in objects if "/blobs/" in one.name or one.name.startswith("segments/")][:4]:
        console.print(f"     {_shortened(stored.name)} ({stored.size} bytes)")


def _shortened(name: str) -> str:
    """Shortens a name to one line; the middle of a segment's name is a digest."""
    return name if len(name) <= MAX_NAME_CHARACTERS else f"{name[:60]}…{name[-30:]}"


def _show(fixture: RegistryFixture, console: Console) -> None:
    kubectl = fixture.lab.control_plane.kubectl
    console.print(kubectl("get", "hreg,namespaces", "-A"), markup=False)
    columns = "NAMESPACE:.metadata.namespace,ACCOUNT:.metadata.name,IMAGEPULLSECRETS:.imagePullSecrets[*].name"
    accounts = kubectl(
        "get", "serviceaccounts", "-A", "--field-selector=metadata.name=default", "-o", f"custom-columns={columns}"
    )
    console.print(accounts, markup=False)
    for name in NAMESPACES:
        if f"{name} " not in accounts:
            raise LabError(f"namespace '{name}' is missing")
