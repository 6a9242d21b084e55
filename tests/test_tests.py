"""Every source file has a test file of its name, or a row here that names the test that covers it; and tests touch
nothing private without a reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.sources import ROOT, imports, module_of, name, tree
from tests.helpers.sources import SOURCES as ALL

FILES = {module_of(path): path for path in ALL}
SOURCES = {name(path) for path in ALL if path.name not in ("__init__.py", "__main__.py")}
TESTS = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}

# Sources without a test file of their name: the test file that covers them.
COVERED = {
    "bitstreams/digest.py": "rscodec/models/test_registry.py",
    "bitstreams/errors.py": "cli/test_main.py",
    "bitstreams/fields.py": "bitstreams/test_header.py",
    "bitstreams/index.py": "bitstreams/test_container.py",
    "bitstreams/limits.py": "bitstreams/test_header.py",
    "bitstreams/sections.py": "bitstreams/test_damage.py",
    "bitstreams/source.py": "bitstreams/test_container.py",
    "bitstreams/wire.py": "bitstreams/test_header.py",
    "cli/encode_notes.py": "cli/test_encode.py",
    "cli/extras.py": "test_layers.py",
    "cli/enhancing.py": "cli/test_spelling.py",
    "cli/eval.py": "eval/test_sr.py",
    "eval/anchors/base.py": "eval/test_anchors.py",
    "eval/anchors/bpg.py": "eval/test_anchors.py",
    "eval/anchors/ffmpeg.py": "eval/test_anchors.py",
    "eval/anchors/jpeg2000.py": "eval/test_anchors.py",
    "eval/anchors/jpegls.py": "eval/test_anchors.py",
    "eval/anchors/jpegxl.py": "eval/test_anchors.py",
    "eval/anchors/klt.py": "eval/test_anchors.py",
    "eval/anchors/lerc.py": "eval/test_anchors.py",
    "eval/anchors/pillow.py": "eval/test_anchors.py",
    "eval/anchors/video.py": "eval/test_anchors.py",
    "eval/anchors/vvc.py": "eval/test_anchors.py",
    "eval/anchors/yuv.py": "eval/test_anchors.py",
    "eval/datasets.py": "eval/test_points.py",
    "eval/niqe.py": "eval/test_measure.py",
    "eval/pictures.py": "eval/test_report.py",
    "eval/plots.py": "eval/test_summary.py",
    "eval/spectral.py": "eval/test_measure.py",
    "eval/sr_report.py": "eval/test_sr.py",
    "eval/table.py": "eval/test_rd.py",
    "rscodec/batch/stac_items.py": "rscodec/batch/test_inputs.py",
    "rscodec/carbon/base.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/features.py": "rscodec/carbon/test_baselines.py",
    "rscodec/carbon/folder.py": "rscodec/carbon/test_predict.py",
    "rscodec/carbon/folds.py": "rscodec/carbon/test_baselines.py",
    "rscodec/carbon/gan.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/grid.py": "rscodec/carbon/test_area.py",
    "rscodec/carbon/iidm.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/inventory.py": "rscodec/carbon/test_prepare.py",
    "rscodec/carbon/kinds.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/mapper.py": "rscodec/carbon/test_predict.py",
    "rscodec/carbon/regression.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/scores.py": "rscodec/carbon/test_baselines.py",
    "rscodec/carbon/simulation/canopy.py": "rscodec/carbon/simulation/test_county.py",
    "rscodec/carbon/simulation/reflectance.py": "rscodec/carbon/simulation/test_county.py",
    "rscodec/carbon/simulation/stands.py": "rscodec/carbon/simulation/test_county.py",
    "rscodec/carbon/simulation/terrain.py": "rscodec/carbon/simulation/test_county.py",
    "rscodec/carbon/training/pca_student.py": "rscodec/carbon/training/test_distill.py",
    "rscodec/carbon/unet.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/vae.py": "rscodec/carbon/test_models.py",
    "rscodec/carbon/vgg.py": "rscodec/carbon/training/test_distill.py",
    "rscodec/codec/arrays.py": "rscodec/codec/test_numpy_arrays.py",
    "rscodec/codec/base.py": "test_laws.py",
    "rscodec/codec/config.py": "rscodec/codec/test_portable.py",
    "rscodec/codec/logistic.py": "rscodec/stream/test_residual.py",
    "rscodec/enhancers/base.py": "rscodec/enhancers/test_laws.py",
    "rscodec/enhancers/men.py": "rscodec/enhancers/test_ldm_rsic.py",
    "rscodec/enhancers/prior.py": "rscodec/enhancers/test_ldm_rsic.py",
    "rscodec/enhancers/strength.py": "rscodec/enhancers/test_ldm_rsic.py",
    "rscodec/generative/generated_scene.py": "rscodec/enhancers/test_scene.py",
    "rscodec/integrations/chunk_codec.py": "rscodec/integrations/test_zarr_codec.py",
    "rscodec/metrics/perceptual.py": "eval/test_measure.py",
    "rscodec/metrics/pixels.py": "eval/test_measure.py",
    "rscodec/models/portable.py": "rscodec/models/test_registry.py",
    "rscodec/models/weights.py": "rscodec/models/test_registry.py",
    "rscodec/networks/export.py": "rscodec/codec/test_portable.py",
    "rscodec/networks/model.py": "rscodec/codec/test_portable.py",
    "rscodec/raster/scene.py": "rscodec/raster/test_writer.py",
    "rscodec/raster/validity.py": "rscodec/raster/test_fill.py",
    "rscodec/stream/bounded_tiles.py": "rscodec/stream/test_error_bound.py",
    "rscodec/stream/closed_loop.py": "rscodec/stream/test_islands.py",
    "rscodec/stream/distributed.py": "rscodec/batch/test_run.py",
    "rscodec/stream/lossless.py": "rscodec/stream/test_decoder.py",
    "rscodec/stream/statistics.py": "rscodec/stream/test_radiometry.py",
    "rscodec/stream/tile_encoder.py": "rscodec/stream/test_encoder.py",
    "rscodec/stream/tile_reader.py": "rscodec/stream/test_decoder.py",
    "rscodec/synthetic/landscape.py": "rscodec/synthetic/test_sample.py",
    "rscodec/synthetic/noise.py": "rscodec/synthetic/test_sample.py",
    "rscodec/training/critic.py": "rscodec/training/test_sr.py",
    "rscodec/training/degraded.py": "rscodec/training/test_degradation.py",
    "rscodec/training/latent_unet.py": "rscodec/training/test_slimdiff.py",
    "rscodec/training/lora.py": "rscodec/training/test_slimdiff.py",
    "rscodec/training/slimdiff_teacher.py": "rscodec/training/test_slimdiff.py",
    "rscodec/upsamplers/autoencoder.py": "rscodec/upsamplers/test_slimdiffsr.py",
    "rscodec/upsamplers/base.py": "rscodec/upsamplers/test_laws.py",
    "rscodec/upsamplers/branch.py": "rscodec/upsamplers/test_e2diffsr.py",
    "rscodec/upsamplers/csum.py": "rscodec/upsamplers/test_e2diffsr.py",
    "rscodec/upsamplers/denoiser.py": "rscodec/upsamplers/test_e2diffsr.py",
    "rscodec/upsamplers/maps.py": "rscodec/upsamplers/test_e2diffsr.py",
    "rscodec/upsamplers/prior.py": "rscodec/upsamplers/test_e2diffsr.py",
    "rscodec/upsamplers/slim.py": "rscodec/upsamplers/test_slimdiffsr.py",
    "rscodec/upsamplers/whole.py": "rscodec/upsamplers/test_slimdiffsr.py",
}

# Test files that test more than the source file of their name.
WIDER = {
    "bitstreams/test_damage.py": "named errors of the whole format",
    "bitstreams/test_javascript.py": "bitstreams/js",
    "bitstreams/test_vectors.py": "the frozen vectors",
    "cli/test_bad_input.py": "what users hand to several commands",
    "cli/test_round_trip.py": "encode, decode, verify and validate together",
    "eval/test_anchors.py": "eval/anchors",
    "eval/test_baselines.py": "eval/baselines",
    "eval/test_points.py": "eval/datasets",
    "rscodec/carbon/test_models.py": "all learned models of carbon",
    "rscodec/concurrency/test_fork.py": "forked processes",
    "rscodec/enhancers/test_laws.py": "the contract of enhancers",
    "rscodec/integrations/test_extras.py": "the extras of the package",
    "rscodec/raster/test_cog.py": "GeoTIFFs with overviews",
    "rscodec/stream/test_islands.py": "tiles with few valid pixels",
    "rscodec/upsamplers/test_laws.py": "the contract of upsamplers",
    "rscodec/viewer/test_modules.py": "rscodec/viewer/page, in Node",
    "rscodec/viewer/test_page.py": "rscodec/viewer/page, in Chromium",
    "rscodec/viewer/test_speed.py": "rscodec/viewer/page, in Chromium",
}

# Private names that a test file touches, and why it has no public way.
PRIVATE = {
    ("eval/test_measure.py", "_ms_ssim"): "a mistake is put in the place where the metric is computed",
    ("eval/test_rd.py", "_contender"): "a cache that outlives the fake anchors of a test",
    ("eval/test_rd.py", "_ceiling_db"): "a cache that outlives the fake anchors of a test",
    ("helpers/machine.py", "_layers"): "a machine without a compiler",
    ("helpers/machine.py", "_rans"): "a machine without a compiler",
    ("rscodec/batch/test_report.py", "_file"): "a disk that is full after the report was opened",
    ("rscodec/batch/test_run.py", "_client"): "Dask's executor hides its client, which knows the processes of workers",
    ("rscodec/codec/conftest.py", "_layers"): "the loops in C and those in NumPy, in turn",
    ("rscodec/codec/conftest.py", "_rans"): "the range coder in C and that in Python, in turn",
    ("rscodec/codec/test_numpy_arrays.py", "_layers"): "the loops in C and those in NumPy, side by side",
    ("rscodec/codec/test_portable.py", "_coder"): "a payload that no encoder writes",
    ("rscodec/codec/test_rans.py", "_encode"): "the coder in Python where that in C is there",
    ("rscodec/codec/test_rans.py", "_rans"): "both range coders, side by side",
    ("rscodec/networks/test_precision.py", "_computes_bfloat16"): "a cache that outlives the fake CPU of a test",
    ("rscodec/stream/test_preview.py", "_walk"): "counts the channels that a preview decodes",
    ("rscodec/training/test_degradation.py", "_noisy"): "the noise alone, without blur, resizing and JPEG",
    ("rscodec/training/test_pairs.py", "_crop"): "a crop whose pixels tell their place",
}
OTHERS = {"_exit"}  # os._exit


def test_every_source_has_a_test():
    without = {path for path in SOURCES if f"{Path(path).parent}/test_{Path(path).name}" not in TESTS}
    assert without == COVERED.keys()


MODULE = re.compile(r"rscodec(?:\.\w+)+")


@cache
def reached_from(path: Path) -> set[Path]:
    """The source files that a file imports, or names in a string, as registries and programs in tests do."""
    modules = set(imports(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            modules |= set(MODULE.findall(node.value))
    return {FILES[module] for module in modules & FILES.keys()}


@pytest.mark.parametrize("source", COVERED)
def test_the_covering_test_reaches_the_source(source):
    """It imports the source, or a module that imports it, and so on."""
    reached, ahead = set(), {ROOT / "tests" / COVERED[source]}
    while ahead:
        found = reached_from(ahead.pop()) - reached
        reached |= found
        ahead |= found
    assert ROOT / source in reached


def test_every_test_of_a_room_has_a_source():
    folders = ("rscodec/", "bitstreams/", "eval/", "cli/")
    named = {path for path in TESTS if path.startswith(folders)}
    assert {path for path in named if path.replace("/test_", "/") not in SOURCES} == WIDER.keys()


def private_names(path: Path) -> Iterator[str]:
    """Attributes of other objects, and names for setattr and getattr, that begin with one underscore."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
            names = [node.attr]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("setattr", "getattr"):
            names = [name.value.rpartition(".")[2] for name in node.args if isinstance(getattr(name, "value", 0), str)]
        elif isinstance(node, ast.Tuple):  # the arguments of a setattr, in a table
            names = [item.value for item in node.elts if isinstance(getattr(item, "value", 0), str)]
        else:
            continue
        yield from (
            name for name in names if name.startswith("_") and not name.startswith("__") and name.isidentifier()
        )


def test_tests_touch_nothing_private_without_a_reason():
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    found = {(path.relative_to(ROOT / "tests").as_posix(), name) for path in tests for name in private_names(path)}
    found = {row for row in found if row[1] not in OTHERS}
    assert found == PRIVATE.keys()


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_tests_import_nothing_private(path: Path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert not [
                alias.name for alias in node.names if alias.name.startswith("_") and node.module != "__future__"
            ]
