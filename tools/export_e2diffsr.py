"""Turn a trained E2DiffSR into weights that ship: float16 safetensors and a manifest with measured figures.

    RSCODEC_DATA=... python tools/export_e2diffsr.py --run local/sr2 --model e2diff-1

Figures are those of `rscodec eval sr` on the held-out images: PSNR, LPIPS and NIQE where their weights are found, and
seconds, means over each set at each scale, at seed 0, beside bicubic interpolation.
"""

from __future__ import annotations

from pathlib import Path

import click

from eval.manifest import against_bicubic, write_manifest
from rscodec.training import checkpoint
from rscodec.upsamplers.e2diffsr import E2DiffConfig, E2DiffSr, write_weights

SCALES = (2.0, 2.6, 3.0, 3.4, 4.0, 6.0, 8.0)


def trained(run: Path) -> tuple[E2DiffSr, dict]:
    """The network of a run, and what its checkpoint says besides."""
    saved = checkpoint.load(run / "average.pt")
    net = E2DiffSr(E2DiffConfig.from_dict(saved["config"]))
    own = "net."
    net.load_state_dict({key[len(own) :]: value for key, value in saved["module"].items() if key.startswith(own)})
    return net, saved


@click.command()
@click.option("--run", type=click.Path(exists=True, path_type=Path), required=True, help="Folder with average.pt.")
@click.option("--model", required=True, help="Name of the weights, as in the registry.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("rscodec/weights"), show_default=True)
@click.option("--overwrite", is_flag=True)
def main(run: Path, model: str, out: Path, overwrite: bool) -> None:
    path = out / f"{model}.safetensors"
    if path.exists() and not overwrite:
        raise click.ClickException(f"{path} exists; give the new weights a new name, or --overwrite")
    net, saved = trained(run)
    out.mkdir(parents=True, exist_ok=True)
    write_weights(path, model, net)

    command = f"tools/export_e2diffsr.py --run {run.name} --model {model}"
    manifest = write_manifest(path, saved, "tools/train_e2diffsr.py", against_bicubic(path, SCALES), command)
    click.echo(f"{path}: {manifest['bytes']} bytes")


if __name__ == "__main__":
    main()
