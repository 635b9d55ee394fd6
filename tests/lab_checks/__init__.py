"""Proofs that the lab itself works."""
