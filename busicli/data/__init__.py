"""Data sets as published, and prepared for training: sources, splits, store."""
