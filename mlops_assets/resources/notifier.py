"""Notifiers: where the success and the failure of a run are reported."""

import logging
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import dagster as dg
from pydantic import Field

from mlops_assets.errors import MissingExtraError, MlopsAssetsError, NotificationError
from mlops_assets.mistakes import ReadableModel, remember_variables
from mlops_assets.redaction.concealed import conceal_receiver, reveal
from mlops_assets.redaction.text import redact, remember_settings
from mlops_assets.strategies import Strategy

LOG = logging.getLogger("mlops_assets.notifier")


class Notifier(Strategy, ReadableModel, dg.ConfigurableResource[Any], ABC):
    """Sends messages to people. To use your own, give an instance of your subclass as the resource ``notifier``."""

    def __init__(self, **settings: Any) -> None:
        # Before Dagster makes it: what a subclass does then may fail, with its service's address in the message.
        remember_variables(settings, is_receiver=True)
        remember_settings(settings)
        super().__init__(**settings)

    @abstractmethod
    def notify(self, title: str, message: str) -> None:
        """Deliver one message; `title` is one line.

        Raises
        ------
        NotificationError
            It was not delivered. The caller logs this and goes on: a notifier never fails a run.
        """


class LogNotifier(Notifier):
    """Writes to the Python log ``mlops_assets.notifier`` at level INFO."""

    KIND: ClassVar[Literal["LogNotifier"]] = "LogNotifier"

    def notify(self, title: str, message: str) -> None:
        LOG.info("%s\n%s", title, message)


class AppriseNotifier(Notifier):
    """Sends through Apprise: mail, chat and a hundred other services, each named by a URL.

    Give URLs as ``dg.EnvVar("...")``: they hold tokens. Each is read from the environment when a sensor ticks, so the
    repository snapshot shows the variable's name only. Needs ``pip install "mlops-assets[apprise]"``.

    Examples
    --------
    >>> notifier = AppriseNotifier(urls=[dg.EnvVar("TEAM_CHAT_URL")])
    """

    KIND: ClassVar[Literal["AppriseNotifier"]] = "AppriseNotifier"

    urls: list[str] = Field(
        description="Apprise URLs of the receivers: mailto://, slack://, msteams://, json:// and others.",
        examples=[["json://hooks.example.com/runs"]],
    )

    def __init__(self, **settings: Any) -> None:
        # Dagster stores what a resource is configured with; these belong into variables.
        if isinstance(urls := settings.get("urls"), list | tuple):
            settings["urls"] = [conceal_receiver(url) if isinstance(url, str) else url for url in urls]
        super().__init__(**settings)

    def notify(self, title: str, message: str) -> None:
        try:
            from apprise import Apprise, NotifyFormat
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "AppriseNotifier needs the package apprise", fix='Run: pip install "mlops-assets[apprise]"'
            ) from error
        sender = Apprise()
        refused = sum(not sender.add(reveal(url)) for url in self.urls)
        # The URLs hold tokens, so a message counts them and does not show them.
        if refused:
            raise NotificationError(f"Apprise does not understand {refused} of {len(self.urls)} URLs")
        # Declared as plain text, so that a service that shows HTML or Markdown gets it escaped.
        if not sender.notify(title=title, body=message, body_format=NotifyFormat.TEXT):
            raise NotificationError(f"Apprise could not deliver to all of its {len(self.urls)} URLs")


def deliver(notifier: Notifier, title: str, message: str, log: logging.Logger) -> bool:
    """Send a message; whether it was delivered. Every error is logged and goes no further, because the run is over and
    its result is final."""
    remember_settings({name: getattr(notifier, name) for name in type(notifier).model_fields})
    try:
        notifier.notify(title, message)
        return True
    except MlopsAssetsError as error:
        log.error(f"The notifier {type(notifier).__name__} failed: {redact(str(error))}")
    except Exception as error:  # noqa: BLE001 - a notifier is anybody's code, and must not fail what it reports on
        # Foreign messages often quote the URL that was called, with its token.
        log.error(
            f"The notifier {type(notifier).__name__} failed with a {type(error).__name__}, whose text may hold secrets"
        )
    return False
