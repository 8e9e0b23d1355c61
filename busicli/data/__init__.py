"""Data sets as published, and prepared data: sources, splits, store."""
