"""Plots for print."""
