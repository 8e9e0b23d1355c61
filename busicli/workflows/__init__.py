"""Whole jobs: prepare, fit, evaluate, segment. They print nothing; who calls is told by callbacks."""
