"""Tests of the Harbor operator."""
