"""A pull Secret in every namespace: a mirror of the cluster, one keyed queue, and two writes per fresh namespace.

    mirror.py      what the watches have told, per namespace
    interests.py   wishes and withdrawn claims -> who has a stake in a namespace
    plans.py       what each namespace needs next, kept for those that wait
    queue.py       which namespace is next: fresh before repairs before rotation, never two writes at once in one
    review.py      all of them again after a change of the wishes, a few at a time
    width.py       how many at a time: bounds that follow the server's latency
    pace.py        how fast: a rate that follows the server's refusals, and back-off per namespace
    contests.py    who keeps undoing our work, and how long to leave him to it
    births.py      whether an admission policy that should attach accounts at birth really does
    standings.py   how far every wish has spread
    injector.py    event -> pure plan -> writes
    runner.py      the tasks that feed the one and serve the other
    feeding.py     one view, followed for ever
    rescue/        pods that were made a moment too early

Namespaces are mirrored here too, without spec and status, rather than handed over by Kopf: a deletion missed during a
relist is noticed, an event costs a hundredth of the processor time, and no order between two watchers of the same
cluster has to be thought about.
"""
