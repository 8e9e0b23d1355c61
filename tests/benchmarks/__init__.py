"""Speed, measured as ratios within one run: `make benchmark`."""
