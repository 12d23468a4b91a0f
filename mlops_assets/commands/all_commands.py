"""Every command, in the order of ``mlops-assets --help``. A new one is a file beside this one and a line here."""

from mlops_assets.commands.command import Command
from mlops_assets.commands.compare import COMPARE
from mlops_assets.commands.demo import DEMO
from mlops_assets.commands.explain_receipt import EXPLAIN_RECEIPT
from mlops_assets.commands.journal import JOURNAL

COMMANDS: tuple[Command, ...] = (
    DEMO,
    JOURNAL,
    EXPLAIN_RECEIPT,
    COMPARE,
)
