"""Whose approval counts, for which files, and which verdicts allow a promotion."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_assets.errors import PromotionError
from mlops_assets.validation.approvals import (
    Approval,
    ApprovalPolicy,
    approvals_of,
    check_champion,
    check_person,
    check_validated,
    identify,
)
from mlops_assets.validation.verdict import CandidateVerdict, Finding

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


def approval(by: str, digest: str = A, minutes: int = 0) -> Approval:
    return Approval(by, "", digest, NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize("other", ["ANN", " ann ", "ann@example.com", "Ann@Other.example"])
def test_one_person_is_one_person_however_she_writes_her_name(other):
    assert identify(other) == identify("Ann")
    assert approval(other).tag == approval("Ann").tag
    assert len(ApprovalPolicy(2).counted([approval("Ann"), approval(other)], A, None)) == 1


def test_approvals_of_other_files_do_not_count_and_the_oldest_of_a_person_does():
    counted = ApprovalPolicy().counted(
        [approval("bob", minutes=2), approval("Ann", B), approval("Bob", minutes=1)], A, None
    )
    assert [each.by for each in counted] == ["Bob"]


def test_who_registered_a_version_counts_only_without_four_eyes():
    both = [approval("ann"), approval("bob")]
    assert len(ApprovalPolicy(2).counted(both, A, "ann")) == 2
    assert [each.by for each in ApprovalPolicy(2, four_eyes=True).counted(both, A, "Ann@example.com")] == ["bob"]


@pytest.mark.parametrize(("registered_by", "message"), [("Ann", "was registered by 'Ann'"), (None, "does not say who")])
def test_four_eyes_refuse_the_registrant_and_an_unknown_one(registered_by, message):
    with pytest.raises(PromotionError, match=message):
        ApprovalPolicy(four_eyes=True).check_approver("ann", registered_by, "'m' version 2")
    ApprovalPolicy().check_approver("ann", registered_by, "'m' version 2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Smith", "ann.smith@example.com"),
        ("Ann  Smith", "\uff21nn\u00a0Smith"),
        ("Ren\u00e9", "Rene\u0301"),
        ("Ann", "A\u200bnn\u202e"),
        ("STRA\u1e9eE", "strasse"),
    ],
)
def test_a_person_is_one_in_every_form_of_unicode(one, other):
    assert identify(one) == identify(other) != ""


@pytest.mark.parametrize("name", ["", "  ", "@example.com", "\u200b", "-"])
def test_nobody_approves_of_nothing(name):
    with pytest.raises(PromotionError, match="no name in approved_by"):
        check_person(name)


def test_a_name_is_one_line():
    assert check_person(" Ann\r\n Smith ") == "Ann Smith"
    with pytest.raises(PromotionError, match="control characters"):
        check_person("Ann\x1b[31m")


def test_an_approval_is_read_as_it_was_written_and_anything_else_is_none():
    written = Approval("Ann\n", "because\t", A, NOON)
    strange = ["", "1", "[]", "{}", '{"by": 1, "note": "", "digest": "", "at": "2026-01-02"}', "[" * 100_000]
    strange.append(written.to_json().replace("2026-01-02T12:00:00+00:00", "0001-01-01T00:00:00+14:00"))
    strange.append(written.to_json().replace('"Ann\\n"', '" @"'))
    tags = {written.tag: written.to_json(), "other": written.to_json()}
    tags |= {f"mlops_assets.approval.{number}": text for number, text in enumerate(strange)}
    assert approvals_of(tags) == [written]


@pytest.mark.parametrize(
    ("passed", "digest", "message"),
    [
        (None, A, r"'m' version 2 has not been validated\. Run m_validation_job with this version"),
        (False, A, "has not passed validation: predicts: it does not"),
        (True, B, "not the files that 'm' version 2 has now: digest bbbbbbbbbbbb instead of aaaaaaaaaaaa"),
        (True, None, "digest"),
    ],
)
def test_only_the_files_that_have_passed_validation_may_be_promoted(passed, digest, message):
    tags = (
        {} if passed is None else CandidateVerdict(2, digest, 1, (Finding("predicts", passed, "it does not"),)).tags()
    )
    with pytest.raises(PromotionError, match=message):
        check_validated(tags, A, "'m' version 2", "m_validation_job")
    check_validated(CandidateVerdict(2, A, 1, ()).tags(), A, "'m' version 2", "m_validation_job")


@pytest.mark.parametrize(
    ("validated", "message"),
    [
        (1, "beside version 2, which is the champion now: it was compared with version 1. Run m_validation_job"),
        (None, "there was no champion then"),
    ],
)
def test_a_version_is_validated_beside_the_champion_that_it_replaces(validated, message):
    with pytest.raises(PromotionError, match=message):
        check_champion(CandidateVerdict(3, A, validated, ()).tags(), 2, "'m' version 3", "m_validation_job")
    with pytest.raises(PromotionError, match="its verdict names no champion"):
        check_champion({}, 2, "'m' version 3", "m_validation_job")
    check_champion(CandidateVerdict(3, A, 2, ()).tags(), 2, "'m' version 3", "m_validation_job")
