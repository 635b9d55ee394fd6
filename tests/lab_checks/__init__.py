"""Tests of the lab itself, on real servers."""
