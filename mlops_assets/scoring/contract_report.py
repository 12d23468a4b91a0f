"""What is known of a part that the contract was applied to; also as text, that a later run finds with the part."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_assets.arrow.part_hash import PartDigest
from mlops_assets.arrow.part_keys import KeyReport
from mlops_assets.tables.staged_table import Destination, StagedPart

REPORT = "contract"
"""Of a part's facts."""


@dataclass(frozen=True)
class ContractReport:
    """What became of one split.

    Attributes
    ----------
    accepted, rejected
        The parts that were written; of no rejected row none.
    accepted_digest, rejected_digest
        What the tables' content hashes are made of.
    keys
        What shows whether a key occurs twice.
    reasons
        How often each (column, reason code) occurred.
    """

    accepted: StagedPart
    rejected: StagedPart | None
    accepted_digest: PartDigest
    rejected_digest: PartDigest
    keys: KeyReport
    reasons: Counter[tuple[str, str]]

    @property
    def rows(self) -> int:
        """Rows read."""
        return self.accepted.rows + (self.rejected.rows if self.rejected is not None else 0)


def report_to_text(
    accepted: PartDigest, rejected: PartDigest, keys: KeyReport, reasons: Mapping[tuple[str, str], int]
) -> str:
    """All but the parts themselves."""
    return json.dumps(
        {
            "accepted": _digest_to_json(accepted),
            "rejected": _digest_to_json(rejected),
            "keys": {
                "rows": keys.rows,
                "increasing": keys.increasing,
                "ends": _text(keys.ends),
                "is_sorted": keys.is_sorted,
            },
            "reasons": [[column, code, count] for (column, code), count in sorted(reasons.items())],
        }
    )


def find_report(key: str, accepted: Destination, rejected: Destination) -> ContractReport | None:
    """The report on parts that an earlier run has finished; None where a part or the hashes of its keys are gone."""
    part = accepted.find(key)
    text = None if part is None else part.facts.get(REPORT)
    keys = accepted.find_beside(f"{key}.keys")
    if part is None or text is None or keys is None:
        return None
    # What may be missing is used as well, by whoever hashes where parts meet.
    accepted.find_beside(f"{key}.edges")
    known = json.loads(text)
    refused = _digest_from_json(known["rejected"])
    refused_part = rejected.find(key) if refused.rows else None
    if refused.rows and refused_part is None:
        return None
    seen = known["keys"]
    return ContractReport(
        part,
        refused_part,
        _digest_from_json(known["accepted"]),
        refused,
        KeyReport(seen["rows"], seen["increasing"], _bytes(seen["ends"]), keys, seen["is_sorted"]),
        Counter({(column, code): count for column, code, count in known["reasons"]}),
    )


def _digest_to_json(digest: PartDigest) -> dict[str, object]:
    return {
        "rows": [digest.rows, digest.head_rows, digest.tail_rows],
        "hashes": [_text(each) for each in (digest.header, digest.head, digest.tail, *digest.blocks)],
    }


def _digest_from_json(value: dict[str, list[int] | list[str]]) -> PartDigest:
    header, head, tail, *blocks = (_bytes(str(each)) for each in value["hashes"])
    rows, head_rows, tail_rows = map(int, value["rows"])
    return PartDigest(rows, head_rows, tail_rows, head, tail, tuple(blocks), header)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
