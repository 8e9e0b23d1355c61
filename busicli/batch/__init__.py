"""Segmenting a folder of scans: inputs, one scan's way, journal, shards, tables."""
