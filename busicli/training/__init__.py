"""`train`: the loop, checkpoints, tuned settings, model card."""
