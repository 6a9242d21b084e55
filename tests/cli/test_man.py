"""The manual page: every command, every option, no line that troff would take for a request."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from rscodec.cli.main import EXIT_CODES, app
from rscodec.cli.man import contexts, text


def test_every_command_and_option_is_in_it(rscodec):
    page = rscodec("man").out
    for ctx in contexts(click.Context(app, info_name="rscodec")):
        assert f".SH {text(ctx.command_path).upper()}\n" in page
        shown = [param for param in ctx.command.params if isinstance(param, click.Option) and not param.hidden]
        assert all(text(param.opts[0]) in page for param in shown)
    assert all(f".TP\n{row.code}\n" in page for row in EXIT_CODES)


def test_text_is_no_request():
    assert text(".5 and \\ and -o\n'a") == "\\&.5 and \\e and \\-o\n\\&'a"


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_troff_has_no_complaint(rscodec):
    line = ["groff", "-man", "-Tascii", "-ww", "-z"]
    found = subprocess.run(line, input=rscodec("man").out, capture_output=True, text=True, check=True)
    assert not found.stderr
