"""One module a verb, each with `main(options) -> exit code`. The only place that prints."""
