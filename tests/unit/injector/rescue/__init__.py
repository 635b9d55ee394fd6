"""The rescue of stuck pods, against fakes."""
