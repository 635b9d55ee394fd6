"""The plan of a spec: the operator's own steps with ports whose reads are real and whose writes are only recorded.

It needs the whole package, so `plan` imports it only when it runs.
"""
