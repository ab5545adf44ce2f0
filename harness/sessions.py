"""The sessions of a run: with which code each was made, and in what they differ. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Session = Mapping[str, Any]
NOT_COMPARED = ("cpus",)
"""What moves no number."""


def commits(sessions: Sequence[Session]) -> str:
    """The commits of all sessions, each once, in their order; versions where the harness was installed. Raises ValueError."""
    if not sessions:
        raise ValueError("no session")
    return ", ".join(dict.fromkeys(_commit(session["environment"]) for session in sessions))


def differences(sessions: Sequence[Session]) -> str:
    """In what the environments of the sessions differ, in one line; empty where they do not.

    >>> differences([{"environment": {"packages": {"torch": v}}} for v in ("2.12", "2.13", "2.12")])
    'torch 2.12, 2.13'
    """
    flat = [_flat(session.get("environment", {})) for session in sessions]
    named = {name: list(dict.fromkeys(one.get(name, "none") for one in flat)) for name in {k: 0 for one in flat for k in one}}
    return "; ".join(f"{name} {', '.join(values)}" for name, values in named.items() if len(values) > 1)


def _commit(environment: Mapping[str, Any]) -> str:
    commit = environment["commit"]
    return f"v{environment['harness']}" if commit is None else commit[:8] + ("+changes" if environment["dirty"] else "")


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """One text a name; commit and changes together, packages under their own names."""
    values = {key: value for key, value in environment.items() if key not in (*NOT_COMPARED, "commit", "dirty")}
    flat = {"commit": _commit(environment)} if environment.get("commit") is not None else {}
    for key, value in values.items():
        inner = value if isinstance(value, Mapping) else {key: value}
        flat |= {name: ", ".join(map(str, one)) or "none" if isinstance(one, list) else str(one) for name, one in inner.items()}
    return flat
