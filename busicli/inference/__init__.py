"""From an image to its segmentation: engines, exported graphs, post-processing."""
