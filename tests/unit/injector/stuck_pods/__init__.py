"""Tests of the eviction of stuck pods, against fakes."""
