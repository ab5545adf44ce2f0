"""Files that a run needs: annotations, videos, and what can be said of them before it."""
