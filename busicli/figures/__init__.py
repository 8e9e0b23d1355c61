"""Figures for print and screen: each drawn once, as PNG and as SVG."""
