"""Completion in shells: the script, and the answers to it."""

from __future__ import annotations

import pytest

from rscodec.cli.completion import VARIABLE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(rscodec, shell):
    result = rscodec("completion", shell)
    assert result.code == 0 and f"{VARIABLE}={shell}_complete" in result.out and "rscodec" in result.out


def test_a_shell_without_a_script_is_a_usage_error(rscodec):
    assert rscodec("completion", "tcsh").code == 2


@pytest.mark.parametrize(
    "words, place, answer",
    [
        ("rscodec enc", 1, "plain,encode"),
        ("rscodec decode --win", 2, "plain,--window"),
        ("rscodec decode a", 2, "file,a"),
        ("rscodec encode --model ", 3, "plain,s"),
    ],
)
def test_what_the_shell_asks_for(rscodec, monkeypatch, words, place, answer):
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(place))
    result = rscodec()
    assert result.code == 0 and answer in result.out.splitlines()
