"""Why the usual way is to be taken."""


class NotLightError(Exception):
    """Something is not read without its library; the message says what. Nobody sees it but who takes the usual way."""
