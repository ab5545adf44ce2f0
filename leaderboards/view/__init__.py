"""A run, or two side by side, as one page to look at."""
