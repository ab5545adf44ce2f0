"""Parsers of highlights: lists of times with saliency scores."""
