"""Validation in a process that may die: there is a verdict also where the model takes its process with it.

``python -m mlops_assets.validation.in_child``: a trial in, what is asked and answered out, as it happens.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO, cast

from mlops_assets.child_process import child_environment, signal_name
from mlops_assets.engines.error_pickles import pickle_error
from mlops_assets.engines.worker import read_frame, write_frame
from mlops_assets.models.reference import ModelReference
from mlops_assets.progress.report import track
from mlops_assets.redaction.text import redact
from mlops_assets.validation.candidate import Progress, Trial, validate_candidate
from mlops_assets.validation.verdict import CandidateVerdict, Finding

_READY, _ASKED, _FOUND, _VERDICT, _ERROR = b"r", b"a", b"f", b"v", b"e"


def validate_in_child(
    candidate: ModelReference, champion: ModelReference | None, trial: Trial, longest_seconds: float
) -> CandidateVerdict:
    """`validate_candidate` in a process of its own; where that dies or takes too long, the version has failed.

    A question on which the process died counts against the candidate; ``compared`` and ``changes`` do not, since the
    champion is asked there as well. A trial that no other process can be given (a class that was typed into a notebook)
    is made here.

    Raises
    ------
    RegistryUnreachableError
        There is no verdict; try again.
    """
    try:
        question = pickle.dumps((candidate, champion, trial))
    except (pickle.PicklingError, AttributeError, TypeError):
        return validate_candidate(candidate, champion, trial)
    progress = _Reported()
    with _start_child() as child, track(f"trying version {candidate.version}", unit="questions") as stage:
        # PIPE was asked for, so both are there.
        assert child.stdin is not None
        assert child.stdout is not None
        timer = threading.Timer(longest_seconds, progress.end, [child])
        timer.daemon = True
        timer.start()
        try:
            with suppress(BrokenPipeError):
                write_frame(child.stdin, pickle.dumps((sys.path, question)))  # type: ignore[arg-type]
            while (frame := read_frame(child.stdout)) is not None:  # type: ignore[arg-type]
                kind, content = frame[:1], frame[1:]
                if kind == _VERDICT:
                    verdict = cast(CandidateVerdict, pickle.loads(content))
                    return replace(verdict, findings=tuple(map(_redact_finding, verdict.findings)))
                if kind == _ERROR and not progress.ready:
                    # The trial cannot be read there: nothing of the model has run yet.
                    return validate_candidate(candidate, champion, trial)
                if kind == _ERROR:
                    raise cast(Exception, pickle.loads(content))
                progress.hear(kind, content)
                if kind == _FOUND:
                    stage.advance()
        finally:
            timer.cancel()
        reason = (
            f"there was no answer within {longest_seconds / 60:g} minutes, and its process was ended"
            if progress.ended
            else f"the process that tried it {_describe_end(child.wait())}"
        )
    name = progress.asked or "loads"
    died = Finding(name, None if name in ("compared", "changes") else False, reason)
    return CandidateVerdict(
        version=candidate.version,
        digest=candidate.digest,
        champion=champion.version if champion else None,
        findings=(*progress.findings, died),
    )


class _Reported:
    """What the child has reported so far."""

    def __init__(self) -> None:
        self.ready, self.ended = False, False
        self.asked: str | None = None
        self.findings: list[Finding] = []

    def hear(self, kind: bytes, content: bytes) -> None:
        if kind == _READY:
            self.ready = True
        elif kind == _ASKED:
            self.asked = content.decode()
        else:
            self.findings.append(_redact_finding(cast(Finding, pickle.loads(content))))

    def end(self, child: "subprocess.Popen[bytes]") -> None:
        self.ended = True
        child.kill()


def _redact_finding(finding: Finding) -> Finding:
    """Which variables hold secrets is known here: the child has their values alone, as settings."""
    return replace(finding, detail=redact(finding.detail))


@contextmanager
def _start_child() -> "Iterator[subprocess.Popen[bytes]]":
    child = subprocess.Popen(
        [sys.executable, "-m", "mlops_assets.validation.in_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"ended by itself, with exit status {status}"
    name = signal_name(status)
    memory = "; its memory may have run out" if name == "SIGKILL" else ""
    return f"was killed by {name}{memory}"


class _Teller(Progress):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def ask(self, name: str) -> None:
        write_frame(self._stream, _ASKED + name.encode())

    def find(self, finding: Finding) -> None:
        write_frame(self._stream, _FOUND + pickle.dumps(finding))


def main() -> None:
    """Make the trial that the other process sends, and report."""
    # What a model prints goes to the log, not among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    start = read_frame(sys.stdin.buffer)
    if start is None:
        return
    # Whoever asked may have ended meanwhile.
    with suppress(BrokenPipeError):
        try:
            path, question = pickle.loads(start)
            # Modules of the user's own are found as they are in the other process; the trial is unpacked only then.
            sys.path[:] = path
            candidate, champion, trial = pickle.loads(question)
            write_frame(answers, _READY)
            verdict = validate_candidate(candidate, champion, trial, _Teller(answers))
        except Exception as error:  # noqa: BLE001 - the other process raises it
            write_frame(answers, _ERROR + pickle_error(error))
        else:
            write_frame(answers, _VERDICT + pickle.dumps(verdict))


if __name__ == "__main__":
    main()
