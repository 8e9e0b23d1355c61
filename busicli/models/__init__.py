"""Architectures, their registry and layers, losses, and weights."""
