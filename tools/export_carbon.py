"""Exports a trained model of forest carbon as weights that ship: float16 safetensors and a manifest with figures.

    python tools/export_carbon.py --run local/iidm --model iidm-1

Figures are those of `rscodec carbon eval --simulated`, for the test region of the simulated county, which no run sees:
of the mean of 8 maps, and of one map.
"""

from __future__ import annotations

import click
import numpy as np

from rscodec.carbon.crops import Units
from rscodec.carbon.kinds import AnyConfig, build
from rscodec.carbon.mapper import DRAWS, CarbonMapper, write_weights
from rscodec.cli.main import Tool
from rscodec.cli.tool_options import export_options
from rscodec.eval.carbon import county_east
from rscodec.training import checkpoint
from rscodec.training.manifest import Export


@click.command(cls=Tool)
@export_options()
def main(export: Export) -> None:
    path = export.new_weights()
    saved = checkpoint.load(export.average)
    about = saved["about"]
    net = build(AnyConfig.from_dict(about["config"]))
    net.load_state_dict(saved["module"])
    write_weights(path, export.model, net, Units(**about["units"]), about["plan"]["crop"], about["trained_on"])

    where = county_east()
    maps = np.maximum(CarbonMapper(path).maps(where.east, where.forest, DRAWS), 0)
    made = {
        "command": "rscodec carbon train, with the options of about.plan",
        "about": about,
        "seconds": saved["seconds"],
    }
    figures = {"mean": where.score(maps.mean(0)), "one": where.score(maps[0])}
    manifest = export.write_manifest(path, made, figures, "tools/export_carbon.py")
    click.echo(f"{path}: {manifest['bytes']} bytes, RMSE {manifest['figures']['mean']['rmse']:.4f}")


if __name__ == "__main__":
    main()
