"""`segment-dir`: list inputs, process each scan, journal, shards, tables."""
