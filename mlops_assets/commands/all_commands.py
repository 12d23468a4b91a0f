"""Every command, in the order of ``mlops-assets --help``. A new one is a file beside this one and a line here."""

from mlops_assets.commands.command import Command
from mlops_assets.commands.compare import COMPARE
from mlops_assets.commands.completion import COMPLETION
from mlops_assets.commands.decision import DECISION
from mlops_assets.commands.demo import DEMO
from mlops_assets.commands.doctor import DOCTOR
from mlops_assets.commands.explain import EXPLAIN
from mlops_assets.commands.init import INIT
from mlops_assets.commands.journal import JOURNAL
from mlops_assets.commands.report import REPORT
from mlops_assets.commands.score import SCORE
from mlops_assets.commands.sign_model import SIGN_MODEL
from mlops_assets.commands.status import STATUS
from mlops_assets.commands.verify import EXPLAIN_RECEIPT, VERIFY

COMMANDS: tuple[Command, ...] = (
    DEMO,
    DOCTOR,
    INIT,
    SCORE,
    EXPLAIN,
    STATUS,
    REPORT,
    DECISION,
    VERIFY,
    EXPLAIN_RECEIPT,
    JOURNAL,
    COMPARE,
    SIGN_MODEL,
    COMPLETION,
)
