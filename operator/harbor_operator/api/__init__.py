"""The custom resource as typed data, parsed once when an object arrives from the API server."""
