"""Pods that were created before their service account had the reference, and pull in vain: evicted, where asked for.

    waves.py      how often an owner's pods have come back stuck, and how long the next may not be touched
    rescuer.py    what the view of pods tells -> pure judgement -> evictions
    runner.py     the tasks: one watch while some registry asks for it, and somebody who works

It asks the injector one thing, what a service account gives to a new pod, and tells it nothing.
"""
