"""Of vtg-harness: what is asked and how an answer is scored: samples, splits, protocols, parsers, metrics. Needs numpy only."""
