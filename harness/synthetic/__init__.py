"""Videos made here: a small benchmark with known answers, and a clock that shows the time in its pixels."""
