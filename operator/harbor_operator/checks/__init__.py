"""Pure checks: observed state in, `Blocked` or nothing out."""
