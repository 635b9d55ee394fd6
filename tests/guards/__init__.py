"""Guards: rules about the repository itself. Each one has a test of its own on a planted violation."""
