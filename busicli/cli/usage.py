"""What is wrong with a command line, in one sentence: what came, what was needed, where to look."""

import re
from difflib import get_close_matches
from typing import Any

_NEEDED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}
"""Words for what pydantic, which Typer reads values with, calls so."""
_NOT_ONE_OF = " is not one of "


def sentence(error: Any, command: str = "busicli") -> str:
    """Of an error that Typer raises while it reads a command line (TyperException).

    `command` is what to see the help of, where the error does not know.
    """
    context = getattr(error, "ctx", None)
    return f"{_said(error)}; see {context.command_path if context else command} --help."


def needed(error: Any) -> str:
    """What the value that a BadParameter is about must be: `at least 1`, `auto or keras`."""
    found = error.__cause__.errors()[0] if hasattr(error.__cause__, "errors") else {}
    words = _NEEDED.get(found.get("type", ""))
    if words:
        return words.format(**found.get("ctx", {}))
    if _NOT_ONE_OF in error.message:
        return _either(re.findall(r"'([^']*)'", error.message.split(_NOT_ONE_OF)[-1]))
    return str(error.message).removeprefix("Input should be ").rstrip(".")


def _said(error: Any) -> str:
    param = getattr(error, "param", None)
    if param is None:
        return _unlike(error)
    if not error.message:
        return f"{_name(param)} is missing"
    came = error.__cause__.errors()[0]["input"] if hasattr(error.__cause__, "errors") else "wrong"
    return f"{_name(param)} is {came}; it must be {needed(error)}"


def _name(param: Any) -> str:
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name.upper())


def _unlike(error: Any) -> str:
    """Of words that are no option, command or argument of the program."""
    option = getattr(error, "option_name", "")
    if hasattr(error, "possibilities"):
        meant = get_close_matches(option, error.possibilities or (), 1, cutoff=0)
        return f"there is no option {option}" + (f" (did you mean {meant[0]}?)" if meant else "")
    if extra := re.fullmatch(r"Got unexpected extra argument.*? \((.*)\)", error.message):
        return f"{extra[1]} is more than is taken"
    words = re.sub(r"\. (Did .*\?)$", lambda m: f" ({m[1].lower()})", error.message)
    return str(words[:1].lower() + words[1:]).rstrip(".").replace("'", "")


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
