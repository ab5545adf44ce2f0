"""Other people's prediction files (docs/predictions.md): the container, what a row means, which sample it answers.

`files` gives the rows of any container, `keys` says what the keys of a row are for and which of them holds the reply, `reply` and
`spans` read that value, `match` finds the sample, `read` puts these together, and `collect` makes the records that are scored.
"""
