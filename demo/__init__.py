"""`make demo`: shows the main job on real servers."""
