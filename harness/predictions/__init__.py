"""Other people's prediction files, read row by row."""
