"""Turn a trained E2DiffSR into weights that ship: float16 safetensors and a manifest with measured figures.

    RSCODEC_DATA=... python tools/export_e2diffsr.py --run local/sr2 --model e2diff-1

Figures are those of `rscodec eval sr` on the held-out images: PSNR, LPIPS and NIQE where their weights are found, and
seconds, means over each set at each scale, at seed 0, beside bicubic interpolation and without diffusion.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

import click

from eval import datasets
from eval.datasets import HELD_OUT
from eval.sr import BICUBIC, DETERMINISTIC, sr
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


def measure(path: Path, images: list[datasets.Image], scales: tuple[float, ...]) -> dict:
    """{set: {"bicubic", "ours" or "deterministic": [a point for each scale]}}"""
    names = {BICUBIC: "bicubic", str(path): "ours", f"{path}{DETERMINISTIC}": "deterministic"}
    with tempfile.TemporaryDirectory() as folder:
        found = sr(images, scales, tuple(names), Path(folder)).summary["sets"]
    return {name: {names[model]: points for model, points in models.items()} for name, models in found.items()}


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

    data = Path(os.environ["RSCODEC_DATA"])
    files = [str(image) for pattern in HELD_OUT for image in sorted(data.glob(pattern))]
    manifest = {
        "model": model,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "MIT, as the project",
        "date": time.strftime("%Y-%m-%d"),
        "config": saved["config"],
        "command": "tools/pack_data.py, then tools/train_e2diffsr.py once for each entry of history",
        "history": saved["history"],
        "figures": measure(path, datasets.images(files), SCALES),
        "figures_command": f"tools/export_e2diffsr.py --run {run.name} --model {model}",
    }
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    click.echo(f"{path}: {manifest['bytes']} bytes")


if __name__ == "__main__":
    main()
