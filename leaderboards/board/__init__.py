"""Boards: rows of runs, papers and baselines, ranked where they may be compared."""
