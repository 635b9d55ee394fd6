"""Keeps the files with which a node trusts private CAs and uses mirrors: the program of the DaemonSet `node-trust`.

    python3 -m harbor_operator.node_trust --instance=NAMESPACE.NAME --certs-dir=containerd=/etc/containerd/certs.d

`configuration` reads the mounted ConfigMap; `plan` compares the desired files with those of the node; `files` reads,
writes and removes files; `lock` finds out whether another pod of the same DaemonSet runs on the node. It needs the
standard library only, and neither the API server nor a token.
"""
