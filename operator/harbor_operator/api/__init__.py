"""The custom resource as typed models: the spec that a user writes, parsed once, and the status."""
