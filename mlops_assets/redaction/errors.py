"""Errors without secrets: the whole chain of causes, whoever raised them."""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

from mlops_assets.redaction.text import redact

Function = TypeVar("Function", bound=Callable[..., Any])


class ForeignError(Exception):
    """Another library's error whose own text holds a secret: its class, and its message without it."""


def redact_chain(error: BaseException) -> BaseException:
    """`error`, with each of its causes and contexts, without secrets.

    What holds none stays the object that it is. An error of this package is mended; another library's is replaced by a
    `ForeignError` with its class, its message and its stack.
    """
    return _redact_chain(error, {})


def redact_errors(function: Function) -> Function:
    """A decorator for whatever another program calls, Dagster first of all: what it raises holds no secrets.

    Works for functions and for generators. The chain of causes is part of what is raised, as Dagster stores all of it.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*positional: Any, **named: Any) -> Generator[Any, Any, Any]:
            try:
                return (yield from function(*positional, **named))
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the handler: it has no context
                safe = redact_chain(error)
            raise safe

        wrapper: Any = generate
    else:

        @functools.wraps(function)
        def call(*positional: Any, **named: Any) -> Any:
            try:
                return function(*positional, **named)
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the handler: it has no context
                safe = redact_chain(error)
            raise safe

        wrapper = call
    wrapper.redacts_errors = True
    return cast(Function, wrapper)


def redact_methods(owner: type, *names: str) -> None:
    """`redact_errors` for those of the methods that a class defines itself."""
    for name in names:
        method = owner.__dict__.get(name)
        if inspect.isfunction(method) and not getattr(method, "redacts_errors", False):
            setattr(owner, name, redact_errors(method))


def _redact_chain(error: BaseException, seen: dict[int, BaseException]) -> BaseException:
    if id(error) in seen:
        return seen[id(error)]
    seen[id(error)] = safe = _redact_one(error)
    suppressed = error.__suppress_context__
    cause, context = error.__cause__, error.__context__
    safe.__cause__ = None if cause is None else _redact_chain(cause, seen)
    safe.__context__ = None if context is None else _redact_chain(context, seen)
    safe.__suppress_context__ = suppressed
    return safe


def _redact_one(error: BaseException) -> BaseException:
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        notes[:] = [redact(str(note)) for note in notes]
    text = _text_of(error)
    redacted = redact(text)
    held = [redact(argument) != argument for argument in error.args if isinstance(argument, str)]
    if redacted == text and not any(held):
        return error
    if hasattr(error, "what") and hasattr(error, "fix"):
        # One of this package's, from before its secret was known.
        for name in ("what", "where", "fix"):
            setattr(error, name, redact(getattr(error, name, None) or "") or None)
        error.args = tuple(redact(part) if isinstance(part, str) else part for part in error.args)
        return error
    return ForeignError(f"{type(error).__name__}: {redacted}").with_traceback(error.__traceback__)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - anybody's __str__
        return f"(its message cannot be shown: {type(broken).__name__})"
