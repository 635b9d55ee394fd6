"""Tests of the injector, without watches and tasks: events in, writes out."""
