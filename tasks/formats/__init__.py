"""Formats of annotations. Every `read_…` of a published one raises ValueError, with the place, where a text has another shape."""
