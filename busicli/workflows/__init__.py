"""Whole jobs: prepare, fit, evaluate, segment. They print nothing: callbacks tell."""
