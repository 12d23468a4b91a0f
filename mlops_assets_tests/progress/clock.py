"""A clock that goes on when it is told to."""


class Clock:
    """Seconds in `now`; the same for all threads."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
