"""Ways of answering: trivial rows and replays (no torch), and checkpoints through transformers."""
