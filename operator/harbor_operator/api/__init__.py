"""The custom resource as typed data: what a user writes, parsed once at the door."""
