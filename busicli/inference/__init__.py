"""Engines, exported graphs, and the way from an image to its segmentation."""
