"""Training: batches, the loop with its checkpoints, the history, the choice of post-processing."""
