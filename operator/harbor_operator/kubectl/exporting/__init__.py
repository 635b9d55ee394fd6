"""A Harbor that runs already as the spec of a HarborRegistry.

It needs the whole package, so `export` imports it only when it runs.
"""
