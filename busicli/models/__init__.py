"""Architectures, registry, layers, losses, weights."""
