"""Turn a trained student of SlimDiffSR into weights that ship: float16 safetensors and a manifest with figures.

    RSCODEC_DATA=... python tools/export_slimdiffsr.py --run local/sl5 --model slimdiff-1

Figures are those of `rscodec eval sr` on the held-out images, x4 and x8, with both degradations, beside bicubic.
"""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.cli.main import Tool
from rscodec.eval.held_out import against_bicubic, held_out
from rscodec.eval.sr import DEGRADATIONS
from rscodec.training import checkpoint
from rscodec.training.manifest import new_weights, sittings, write_manifest
from rscodec.upsamplers.slimdiffsr import SCALES, SlimConfig, SlimDiffSr, write_weights


@click.command(cls=Tool)
@click.option("--run", type=click.Path(exists=True, path_type=Path), required=True, help="Folder with average.pt.")
@click.option("--model", required=True, help="Name of the weights, as in the registry.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("rscodec/weights"), show_default=True)
@click.option("--overwrite", is_flag=True)
def main(run: Path, model: str, out: Path, overwrite: bool) -> None:
    path = new_weights(out, model, overwrite)
    saved = checkpoint.load(run / "average.pt")
    if saved["history"][-1]["stage"] != "student":
        raise click.ClickException(f"{run} holds no student; give the run of --stage student")
    net = SlimDiffSr(SlimConfig.from_dict(saved["config"]))
    net.load_state_dict(checkpoint.part(saved["module"], "net.net."))
    write_weights(path, model, net)
    images = held_out()
    figures = {degradation: against_bicubic(path, images, SCALES, degradation) for degradation in DEGRADATIONS}
    command = f"tools/export_slimdiffsr.py --run {run.name} --model {model}"
    manifest = write_manifest(path, model, sittings(saved, "tools/train_slimdiffsr.py"), figures, command)
    click.echo(f"{path}: {manifest['bytes']} bytes")


if __name__ == "__main__":
    main()
