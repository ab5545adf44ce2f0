"""One file a benchmark; its name here is its module."""
