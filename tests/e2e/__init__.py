"""End-to-end tests: the operator on the complete lab, with exactly the RBAC rights of `deploy/`."""
