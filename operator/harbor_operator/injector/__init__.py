"""The injector: a pull Secret in every selected namespace, and a reference to it in its service accounts.

    controller.py  the tasks: watches, dispatch of the work queue, one task per namespace
    injector.py    watch event -> pure plan -> writes
    store.py       what the watches delivered: one record per namespace
    claims.py      which registry claims what, and the state of each claim in a namespace
    queue.py       which namespace is next; the resync after a change of the claims
    writer.py      executes one action and records its result
    limits.py      how many writes at a time and per second, and the back-off
    conflicts.py   other clients that keep reverting our writes
    status.py      progress, health of the watches, effect of admission policies
    deps.py        clock, random, sleep, metrics
    namespace_robots.py  a robot in Harbor for each namespace, where a registry asks for that
    stuck_pods/    evicts pods that were created before their service account had the reference

The pure plan is plan/injection.py. A new namespace costs two writes and no read.

The injector watches Namespaces itself, without spec and status, instead of using Kopf's handlers: it detects deletions
that a watch missed, an event costs a hundredth of the processor time, and one watcher needs no order between two.
"""
