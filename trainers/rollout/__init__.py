"""Replies drawn for training: by the model itself, or by vLLM."""
