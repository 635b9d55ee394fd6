"""What is desired and what was observed, as frozen data; the ground floor of the package."""
