"""What a pull Secret in every namespace costs and how soon it is there: us, the raw floor, and the others.

python -m benchmarks --help

api.py          a client of our own, as plain as can be
watcher.py      a process that timestamps what the API server tells: nobody is asked how fast he thinks he was
sightings.py    the watcher's journal as one record per namespace
floor.py        a process that does the same two writes per namespace and nothing else: the floor T*
contender.py    what is measured: the operator (ours.py), the floor (baseline.py), any other (peer.py, peers/*.yaml)
arena.py        one contender on one cluster, and what a load asks of the two
loads/          burst, backlog, trickle, rotation, repair, foreign writer, restart, rest, churn, deletion
program.py      which loads at which size, how often
usage.py        processor time and memory from /proc
figures.py      medians, percentiles, spread
tables.py       results -> Markdown; plots.py: results -> SVG; report.py puts both in their place
"""
