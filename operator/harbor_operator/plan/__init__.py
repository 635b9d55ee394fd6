"""The desired state: pure functions from a registry to what must exist."""
