"""Values out of TOML, YAML and JSON against the type hints of what they become."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

NAMES = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    tuple: "a list",
    list: "a list",
    dict: "a table",
}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a kind: a whole number is a number, true is neither, and a list stands for a tuple."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if hint is Any:
        return True
    kind = {tuple: (list, tuple), list: (list, tuple), float: (int, float)}.get(origin or hint, origin or hint)
    if not isinstance(value, kind) or (isinstance(value, bool) and hint is not bool):
        return False
    if isinstance(value, dict):
        return not inner or all(fits(one, inner[1]) for one in value.values())
    return not isinstance(value, list | tuple) or not inner or all(fits(one, inner[0]) for one in value)


def words(hint: Any) -> tuple[Any, ...]:
    """The words that a value may be, where these are few."""
    return get_args(hint) if get_origin(hint) is Literal else ()


def named(hint: Any) -> str:
    """A kind in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if known := words(hint):
        return f"one of {', '.join(map(str, known))}"
    if origin in (Union, UnionType):
        return " or ".join("null" if one is NoneType else named(one) for one in inner)
    if origin in (tuple, list) and inner:
        return f"a list, each of it {named(inner[0])},"
    return NAMES.get(origin or hint, getattr(hint, "__name__", str(hint)))
