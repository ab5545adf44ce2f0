"""How a model is run over tasks: video, models, runs, the command line."""

__version__ = "0.2.0"
