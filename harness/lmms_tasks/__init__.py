"""Our tasks for lmms-eval 0.7: a folder for its `--include_path`, which `harness ls lmms-path` prints.

`write` makes its YAML files, one for each task and mode; `questions` holds the functions they share.
"""
