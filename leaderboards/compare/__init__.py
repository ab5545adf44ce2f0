"""Paired comparison of runs, and the errors of each."""
