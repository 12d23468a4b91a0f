"""Environment variables that are set while a call needs them: MLflow reads its timeouts from nowhere else."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Condition

_condition = Condition()
_users = 0
_settings: dict[str, str] = {}
_set_here: tuple[str, ...] = ()


@contextmanager
def set_environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set `settings` inside the block; what the user has set takes precedence.

    Blocks with the same settings run at the same time (one dead server does not hold up the sensors of the others);
    a block with other settings waits until they are done. Not to be nested with other settings.
    """
    global _users, _settings, _set_here
    with _condition:
        _condition.wait_for(lambda: not _users or _settings == settings)
        if not _users:
            _settings = dict(settings)
            _set_here = tuple(key for key in settings if key not in os.environ)
            os.environ.update({key: settings[key] for key in _set_here})
        _users += 1
    try:
        yield
    finally:
        with _condition:
            _users -= 1
            if not _users:
                for key in _set_here:
                    os.environ.pop(key, None)
                _condition.notify_all()
