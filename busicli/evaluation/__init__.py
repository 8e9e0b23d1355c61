"""Scoring weights and masks: metrics, comparisons, plots and the page."""
