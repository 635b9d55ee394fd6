"""What is done to a contender; each load returns what was measured as plain data, latencies in milliseconds."""
