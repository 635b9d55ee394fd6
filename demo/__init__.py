"""`make demo`: the main job, seen by a person, on real servers."""
