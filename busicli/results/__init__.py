"""What runs and evaluations leave behind: journal, manifest and tables, scores and choices."""
