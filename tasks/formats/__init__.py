"""Readers of annotation formats: what is published, a user's own data, and QVHighlights."""
