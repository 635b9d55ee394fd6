"""Backups of a Harbor: making one, and the rehearsal of its restore.

They need the whole package, so `backup` and `restore` import them only when they run.
"""
