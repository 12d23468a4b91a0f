"""Mutated files of each format: no crash, no hang, no other answer than that of the checked arrays."""

import os
import subprocess
import sys

import pytest

from mlops_assets.trees.files.check import NativeFileError, check_native_bytes
from mlops_assets_tests.fuzz.native import Accepted, Library, fuzz, make_file
from mlops_assets_tests.fuzz.native_seeds import SEEDS


@pytest.mark.parametrize("form", ["lightgbm"])
def test_a_reader_raises_nothing_but_its_own_error(form):
    refused = 0
    for number in range(200):
        try:
            check_native_bytes(form, make_file(form, 7, number))
        except NativeFileError:
            refused += 1
    assert 50 < refused < 190


def test_a_seed_makes_the_same_files():
    assert [make_file("lightgbm", 3, number) for number in range(20)] == [
        make_file("lightgbm", 3, number) for number in range(20)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(SEEDS))
def test_what_is_accepted_does_no_harm(form):
    """`python -m mlops_assets_tests.fuzz.native --files 1000000` makes more."""
    outcome = fuzz(form, 20_000, seed=0)
    assert outcome.faults == []
    # Not all is refused, which would be easy.
    assert outcome.counts["accepted"] > 1_200


# In place of a library's process: answers, or dies of what it is told to.
HOSTILE = """
import os, pickle, sys
from mlops_assets.engines.worker import read_frame, write_frame
while (data := read_frame(sys.stdin.buffer)) is not None:
    if data == b"die":
        os.kill(os.getpid(), 11)
    write_frame(sys.stdout.buffer, pickle.dumps((data, "", 0.0)))
"""


def test_the_file_that_kills_is_named_and_those_behind_it_are_tried(monkeypatch):
    """Files are sent before the ones in front are answered."""

    def start(_: Library) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", HOSTILE]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    monkeypatch.setattr(Library, "_start", start)
    library = Library("lightgbm")
    model = check_native_bytes("lightgbm", SEEDS["lightgbm"]()[0])
    contents = [b"a", b"b", b"die", b"c", b"die", b"d"]
    try:
        for number, content in enumerate(contents):
            library.send(Accepted(number, content, model))
        assert not library.takes(bytes(60_000))
        heard = [library.receive() for _ in contents]
    finally:
        library.close()
    assert [accepted.number for accepted, _ in heard] == [0, 1, 2, 3, 4, 5]
    said = [answer if isinstance(answer, str) else answer[0] for _, answer in heard]
    assert said == [b"a", b"b", "the process ended with -11", b"c", "the process ended with -11", b"d"]
