"""Environment variables that hold while some call needs them: MLflow reads its timeouts from nowhere else."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Condition

_free = Condition()
_users = 0
_wanted: dict[str, str] = {}
_ours: tuple[str, ...] = ()


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set `settings` inside the block; what the user has set stands.

    Blocks with the same settings run at the same time (one dead server does not hold up the sensors of the others);
    a block with other settings waits until they are done. Not to be nested with other settings.
    """
    global _users, _wanted, _ours
    with _free:
        _free.wait_for(lambda: not _users or _wanted == settings)
        if not _users:
            _wanted = dict(settings)
            _ours = tuple(key for key in settings if key not in os.environ)
            os.environ.update({key: settings[key] for key in _ours})
        _users += 1
    try:
        yield
    finally:
        with _free:
            _users -= 1
            if not _users:
                for key in _ours:
                    os.environ.pop(key, None)
                _free.notify_all()
