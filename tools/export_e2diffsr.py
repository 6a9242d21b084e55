"""Exports a trained E2DiffSR as weights that ship: float16 safetensors and a manifest with measured figures.

    RSCODEC_DATA=... python tools/export_e2diffsr.py --run local/sr2 --model e2diff-1 --images 12

Figures are those of `rscodec eval sr` on the held-out images: PSNR, LPIPS and NIQE if their weights are found, and
seconds. They are means over each set at each scale, with seed 0, beside bicubic interpolation and the model without
diffusion.
"""

from __future__ import annotations

import click
import torch.nn as nn

from rscodec.cli.main import Tool
from rscodec.cli.tool_options import export_options
from rscodec.eval.held_out import against_bicubic, held_out
from rscodec.training import checkpoint
from rscodec.training.manifest import Export, sittings
from rscodec.upsamplers.e2diffsr import E2DiffConfig, E2DiffSr, write_weights

SCALES = (2.0, 2.6, 3.0, 3.4, 4.0, 6.0, 8.0)


def trained(export: Export) -> tuple[E2DiffSr, dict]:
    """The network of a run, and the rest of its checkpoint. A twin has no prior, so its condition network returns 0."""
    saved = checkpoint.load(export.average)
    stage = saved["history"][-1]["stage"]
    if stage in ("one", "noisy"):
        raise click.ClickException(
            f"{export.run} ends with stage {stage}, which needs the original; train stage two or drawn first"
        )
    net = E2DiffSr(E2DiffConfig.from_dict(saved["config"]))
    net.load_state_dict(checkpoint.part(saved["module"], "net."))
    if stage == "twin":
        for parameter in net.condition_net.head.parameters():
            nn.init.zeros_(parameter)
    return net, saved


@click.command(cls=Tool)
@export_options()
@click.option(
    "--images",
    "count",
    type=click.IntRange(min=0),
    show_default="all",
    help="Number of images of each set to measure, spread evenly.",
)
def main(export: Export, count: int | None) -> None:
    path = export.new_weights()
    net, saved = trained(export)
    write_weights(path, export.model, net)

    figures = against_bicubic(path, held_out(count), SCALES, deterministic=True)
    made, options = sittings(saved, "tools/train_e2diffsr.py"), "" if count is None else f"--images {count}"
    manifest = export.write_manifest(path, made, figures, "tools/export_e2diffsr.py", options)
    click.echo(f"{path}: {manifest['bytes']} bytes")


if __name__ == "__main__":
    main()
