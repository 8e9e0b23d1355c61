"""Data sets: as they lie on disk (`sources`), and prepared for training (`store`)."""
