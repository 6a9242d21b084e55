"""Exports a trained student of SlimDiffSR as weights that ship: float16 safetensors and a manifest with figures.

    RSCODEC_DATA=... python tools/export_slimdiffsr.py --run local/sl5 --model slimdiff-1

Figures are those of `rscodec eval sr` on the held-out images, x4 and x8, with both degradations, beside bicubic.
"""

from __future__ import annotations

import click

from rscodec.cli.main import Tool
from rscodec.cli.tool_options import export_options
from rscodec.eval.held_out import against_bicubic, held_out
from rscodec.eval.sr import DEGRADATIONS
from rscodec.training import checkpoint
from rscodec.training.manifest import Export, sittings
from rscodec.upsamplers.slimdiffsr import SCALES, SlimConfig, SlimDiffSr, write_weights


@click.command(cls=Tool)
@export_options()
def main(export: Export) -> None:
    path = export.new_weights()
    saved = checkpoint.load(export.average)
    if saved["history"][-1]["stage"] != "student":
        raise click.ClickException(f"{export.run} holds no student; give the run of --stage student")
    net = SlimDiffSr(SlimConfig.from_dict(saved["config"]))
    net.load_state_dict(checkpoint.part(saved["module"], "net.net."))
    write_weights(path, export.model, net)
    images = held_out()
    figures = {degradation: against_bicubic(path, images, SCALES, degradation) for degradation in DEGRADATIONS}
    made = sittings(saved, "tools/train_slimdiffsr.py")
    manifest = export.write_manifest(path, made, figures, "tools/export_slimdiffsr.py")
    click.echo(f"{path}: {manifest['bytes']} bytes")


if __name__ == "__main__":
    main()
