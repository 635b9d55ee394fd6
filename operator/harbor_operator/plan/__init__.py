"""The wish: pure functions from a registry to what should exist."""
