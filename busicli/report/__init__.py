"""The HTML page of a run or an evaluation."""
