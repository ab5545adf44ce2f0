"""Parsers of the rewards of other projects, which read otherwise than their evaluations."""
