"""The HTML page: what it shows of a run or an evaluation, and writing it."""
