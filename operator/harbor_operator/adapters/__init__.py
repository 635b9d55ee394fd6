"""Ports made real: one file per outside system. No decision lives here."""
