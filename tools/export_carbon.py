"""Turn a trained model of forest carbon into weights that ship: float16 safetensors and a manifest with figures.

    python tools/export_carbon.py --run local/iidm --model iidm-1

Figures are those of `rscodec carbon eval --simulated`: of the test region of the simulated county, which no run sees,
by the mean of 8 maps, and by one.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from rscodec.carbon.crops import Units
from rscodec.carbon.kinds import AnyConfig, build
from rscodec.carbon.mapper import DRAWS, CarbonMapper, write_weights
from rscodec.cli.main import Tool
from rscodec.eval.carbon import county_east
from rscodec.training import checkpoint
from rscodec.training.manifest import new_weights, write_manifest


@click.command(cls=Tool)
@click.option("--run", type=click.Path(exists=True, path_type=Path), required=True, help="Folder with average.pt.")
@click.option("--model", required=True, help="Name of the weights, as in the registry.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("rscodec/weights"), show_default=True)
@click.option("--overwrite", is_flag=True)
def main(run: Path, model: str, out: Path, overwrite: bool) -> None:
    path = new_weights(out, model, overwrite)
    saved = checkpoint.load(run / "average.pt")
    about = saved["about"]
    net = build(AnyConfig.from_dict(about["config"]))
    net.load_state_dict(saved["module"])
    write_weights(path, model, net, Units(**about["units"]), about["plan"]["crop"], about["trained_on"])

    where = county_east()
    maps = np.maximum(CarbonMapper(path).maps(where.east, where.forest, DRAWS), 0)
    made = {"command": "rscodec carbon train, with the options of about.plan", "about": about,
            "seconds": saved["seconds"]}  # fmt: skip
    figures = {"mean": where.score(maps.mean(0)), "one": where.score(maps[0])}
    command = f"tools/export_carbon.py --run {run.name} --model {model}"
    manifest = write_manifest(path, model, made, figures, command)
    click.echo(f"{path}: {manifest['bytes']} bytes, RMSE {manifest['figures']['mean']['rmse']:.4f}")


if __name__ == "__main__":
    main()
