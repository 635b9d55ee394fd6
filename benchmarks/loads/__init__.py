"""The loads; each returns its measurements as plain data, with latencies in milliseconds."""
