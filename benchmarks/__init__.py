"""Measures the latency and cost of a pull Secret in every namespace: this operator, a raw floor, and peers.

python -m benchmarks --help

api.py            a minimal raw client of the Kubernetes API
watcher.py        a separate process that timestamps the events of the API server, independent of the injectors
observations.py   the watcher's journal as one record per namespace
floor.py          a client that does the same two writes per namespace and nothing else: the floor T*
injector.py       the protocol of what is measured: operator.py, baseline.py (the floor), peer.py with peers/*.yaml
endpoint.py       a stub of Harbor's endpoint, so that only the injector of the operator works
environment.py    one injector on one cluster, as the loads use it
loads/            burst, flood, backlog, trickle, rotation, repair, foreign writer, restart, rest, churn, deletion
program.py        which loads run at which size, and how often
usage.py          CPU time and memory from /proc
figures.py        medians, percentiles, ranges
goals.py          the goals of this project; comparison.py: each figure against the best peer
tables.py         results as Markdown; plots.py: results as SVG; report.py writes both
"""
