"""`eval`: scores of weights and of masks, cross-validation, comparisons, plots."""
