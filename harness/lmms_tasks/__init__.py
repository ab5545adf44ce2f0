"""Our tasks for lmms-eval 0.7: a folder for its `--include_path`, which `harness ls lmms-path` prints.

Each YAML file names a task and a mode; `questions` holds the functions they share, `write` writes them.
"""
