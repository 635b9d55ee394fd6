"""A real node for the lab: kubelet, kube-proxy, containerd, runc, CNI and CoreDNS in namespaces of their own.

    node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
    node.import_images(archive)                  # a docker archive; nothing is ever pulled from outside
    node.import_as(archive, "example.com/core:1")   # the one image of an OCI or docker archive, under this name
    node.trust("localhost:15001")                # containerd then pulls from there with the lab's authority
    node.ingress("intra")                        # -> IngressFront(url, mark, requests_since, stop)
    node.describe("intra")                       # pods, events and the ends of container logs, for a message
    node.health()                                # whether it is Ready, and what its daemons say if it is not
    node.stop()

The control plane, the services, the operator and the tests stay where they are; only the node is inside. Its network,
mounts, processes, host name and IPC are private, so nothing of the machine changes, two labs never meet, and one signal
ends it with all its pods. No link leads out. Instead, `relay` carries connections across the border:

- The lab's servers listen on loopback on ports of `lab.process.PORTS`. On the node and **in every pod** a
  connection to such a port of 127.0.0.1 arrives at that server (in pods a CNI plugin, `loopback`, sees to that). So
  `localhost:15001` means the same server to the operator, to containerd and to a pod, with the same certificate.
- The API server, outside, reaches the kubelet (logs, exec) because the node is called `localhost` and its kubelet has a
  port from the same range.

The map: `plan` says what is where; `configs` writes the files of the daemons, `objects` what the cluster must know;
`inside` is the first process of the namespaces; `cgroups` makes and removes the group of all pods; `programs` finds
what is run; `kubelet` is the lab's handle; `rootfs`, `servers`, `archive` and `images` make the images of a release out
of what the machine has and the folder `image`; `release` brings them in; `apps` are small ones; `choice` picks between
this node and the pretended one.

It needs Linux and root; `programs.obstacle()` says what is missing. A server that is down looks different from a pod:
the connection is accepted and then reset, where the machine itself would have refused it.
"""
