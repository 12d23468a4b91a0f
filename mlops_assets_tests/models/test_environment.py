import os
import threading

import pytest

from mlops_assets.models.environment import set_environment
from mlops_assets_tests.waiting import LONGEST_SECONDS


def test_variables_hold_inside_the_block_and_are_gone_after_it(monkeypatch):
    monkeypatch.delenv("MLOPS_TEST_A", raising=False)
    with set_environment({"MLOPS_TEST_A": "1"}):
        assert os.environ["MLOPS_TEST_A"] == "1"
        with set_environment({"MLOPS_TEST_A": "1"}):
            pass
        assert os.environ["MLOPS_TEST_A"] == "1"
    assert "MLOPS_TEST_A" not in os.environ


def test_they_are_gone_after_an_error():
    with pytest.raises(ZeroDivisionError), set_environment({"MLOPS_TEST_A": "1"}):
        raise ZeroDivisionError
    assert "MLOPS_TEST_A" not in os.environ


def test_what_the_user_has_set_takes_precedence(monkeypatch):
    monkeypatch.setenv("MLOPS_TEST_A", "users")
    with set_environment({"MLOPS_TEST_A": "ours", "MLOPS_TEST_B": "ours"}):
        assert (os.environ["MLOPS_TEST_A"], os.environ["MLOPS_TEST_B"]) == ("users", "ours")
    assert os.environ["MLOPS_TEST_A"] == "users"
    assert "MLOPS_TEST_B" not in os.environ


def test_other_settings_wait_until_the_first_are_done():
    inside, release, seen = threading.Event(), threading.Event(), []

    def first():
        with set_environment({"MLOPS_TEST_A": "1"}):
            inside.set()
            release.wait(LONGEST_SECONDS)
            seen.append(os.environ["MLOPS_TEST_A"])

    def second():
        with set_environment({"MLOPS_TEST_A": "2"}):
            seen.append(os.environ["MLOPS_TEST_A"])

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(LONGEST_SECONDS)
    threads[1].start()
    threads[1].join(0.2)
    assert seen == []
    release.set()
    for thread in threads:
        thread.join(LONGEST_SECONDS)
    assert seen == ["1", "2"]
