"""Training: the loop, its checkpoints, tuned settings and the model card."""
