"""One stream, many machines: the same latents on all of them, and pixels within one level.

Every environment is a process of its own (tests/helpers/machine.py) whose libraries were told to use an older
instruction set, with one thread a product and with two, in C and in Python, with NumPy and with torch, which is for
GPUs. Each encodes, then each decodes what any of them wrote, in either order of tiles.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rscodec.models.registry import CODECS, DEFAULT_CODEC, find
from rscodec.models.weights import FOLDER
from rscodec.synthetic.sample import synthesize

CORES = {  # OpenBLAS's names of kernels, and what a CPU needs to run them
    "Prescott": {"pni"},
    "Nehalem": {"sse4_2"},
    "Sandybridge": {"avx"},
    "Haswell": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd"},
}
CAPABILITIES = ("default", "avx2", "avx512")  # of torch's own kernels
INSTRUCTIONS = {"SSE41": "COMPATIBLE", "AVX2": "AVX2", "AVX512_CORE": "AVX512"}  # oneDNN's name: MKL's name
ENVIRONMENTS = [
    *(f"numpy-{core}-C" for core in CORES),
    "numpy-Nehalem-Python",  # what follows the products, and the range coder, which are alike for all kernels
    *(f"torch-{own}-{onednn}" for own, onednn in zip(CAPABILITIES, INSTRUCTIONS, strict=True)),
]
CHOSEN = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "OPENBLAS_CORETYPE")
THREADS = (1, 2)
SCENES = {
    "small": {"size": (100, 80)},
    "large": {"size": 512},
    "deep": {"size": 200, "bands": 4, "dtype": "uint16"},
    "wide": {"size": 1024},
}
SHIPPED = FOLDER / f"{find(CODECS, DEFAULT_CODEC).default_model}.safetensors"


class Machine:
    """A process of tests/helpers/machine.py: `send` a request, `receive` its answer."""

    def __init__(self, root: Path, environment: str = "numpy-native-C"):
        library, first, second = environment.split("-")
        settings = {key: value for key, value in os.environ.items() if key not in CHOSEN}
        settings |= {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_DYNAMIC": "FALSE"}
        if library == "torch":
            settings |= {"ATEN_CPU_CAPABILITY": first, "ONEDNN_MAX_CPU_ISA": second, "MKL_CBWR": INSTRUCTIONS[second]}
        elif first != "native":
            settings |= {"OPENBLAS_CORETYPE": first}
        language = second if library == "numpy" else "C"
        command = [sys.executable, "-m", "tests.helpers.machine", library, language]
        self._process = subprocess.Popen(
            command, cwd=root, env=settings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, do: str, **request) -> None:
        self._process.stdin.write(json.dumps({"do": do, **request}, default=str) + "\n")
        self._process.stdin.flush()

    def receive(self):
        line = self._process.stdout.readline()
        assert line, f"the process ended with {self._process.wait()}"
        return json.loads(line)

    def ask(self, do: str, **request):
        self.send(do, **request)
        return self.receive()

    def close(self) -> None:
        with self._process as process:  # which closes its pipes and waits for it
            process.kill()


@pytest.fixture(scope="module")
def native(root: Path):
    machine = Machine(root)
    yield machine
    machine.close()


def able() -> set[str]:
    """The environments that this CPU can be."""
    flags = set(Path("/proc/cpuinfo").read_text().split()) if Path("/proc/cpuinfo").exists() else set()
    known = {core for core, needs in CORES.items() if needs <= flags}
    if importlib.util.find_spec("torch"):
        import torch

        best = torch.backends.cpu.get_cpu_capability().lower()
        known |= {*CAPABILITIES[: CAPABILITIES.index(best) + 1 if best in CAPABILITIES else 1]}
    return {name for name in ENVIRONMENTS if {*name.split("-")} & known}


@pytest.fixture(scope="module")
def machines(root: Path, native: Machine):
    """Those that this CPU can be, by name."""
    names = able()
    there = {name: Machine(root, name) for name in ENVIRONMENTS if name in names}
    yield there
    for machine in there.values():
        machine.close()


@pytest.fixture(params=ENVIRONMENTS)
def name(request, machines) -> str:
    if request.param not in machines:
        pytest.skip(f"{request.param} is not possible here")
    return request.param


def ask_all(machines: dict[str, Machine], do: str, requests: list[dict]) -> dict[str, list]:
    """The answers of every machine to all requests; they work at the same time."""
    for machine in machines.values():
        for request in requests:
            machine.send(do, **request)
    return {name: [machine.receive() for _ in requests] for name, machine in machines.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Scenes for all machines."""
    folder = tmp_path_factory.mktemp("exact")
    for name, options in SCENES.items():
        np.save(folder / f"{name}.npy", synthesize(**options)[0])
    return folder


@pytest.fixture(scope="module")
def untrained(folder) -> Path:
    """Weights of the size that ships."""
    pytest.importorskip("torch")
    from tests.helpers import models, sizes

    return models.write(folder / "untrained.safetensors", sizes.SHIPPED)


@pytest.fixture(scope="module", params=["untrained", "shipped"])
def weights(request) -> Path:
    if request.param == "untrained":
        return request.getfixturevalue("untrained")
    if not SHIPPED.exists():
        pytest.skip(f"{SHIPPED.name} is not in this package")
    return SHIPPED


def decoding(stream: Path, weights: Path, **settings) -> dict:
    return {"stream": stream, "pixels": stream.with_suffix(".npy"), "weights": weights, **settings}


@pytest.fixture(scope="module")
def matrix(weights, folder, native, machines) -> tuple[list[dict], dict[str, list]]:
    """What the native machine, and then all of them, find in the small scene as each of them encoded it."""
    for name, machine in machines.items():
        for threads in THREADS:
            machine.send(
                "encode",
                scene=folder / "small.npy",
                stream=folder / f"{weights.stem}-{name}-{threads}.bin",
                weights=weights,
                quality=4,
                tile=64,
                threads=threads,
            )
    for machine in machines.values():
        assert [machine.receive() for _ in THREADS] == [None] * len(THREADS)
    different = {path.read_bytes(): path for path in folder.glob(f"{weights.stem}-*.bin")}.values()
    expected = [native.ask("decode", **decoding(stream, weights)) for stream in different]
    requests = [
        decoding(stream, weights, threads=threads, backwards=threads > 1) for threads in THREADS for stream in different
    ]
    return expected * len(THREADS), ask_all(machines, "decode", requests)


@pytest.fixture(scope="module")
def whole_tiles(weights, folder, native, machines) -> tuple[list[dict], dict[str, list]]:
    """The same of two scenes as the native machine encoded them: one large tile, and sixteen bits."""
    requests, expected = [], []
    for scene in ("large", "deep"):
        stream = folder / f"{scene}.{weights.stem}.bin"
        native.ask("encode", scene=folder / f"{scene}.npy", stream=stream, weights=weights, quality=5, tile=512)
        for threads in THREADS:
            requests.append(decoding(stream, weights, threads=threads))
            expected.append(native.ask("decode", **requests[-1]))
    return expected, ask_all(machines, "decode", requests)


def assert_same(expected: list[dict], found: list[dict]) -> None:
    for there, here in zip(expected, found, strict=True):
        assert here["tiles_bad"] == there["tiles_bad"] == 0
        assert here["latents_crc32"] == there["latents_crc32"]
        assert here["apart"] <= 1


def test_every_machine_decodes_what_any_machine_encoded(matrix, name):
    expected, found = matrix
    assert_same(expected, found[name])


def test_whole_tiles_and_other_types(whole_tiles, name):
    """Products of another size take other paths through the libraries; sixteen bits have another bound."""
    expected, found = whole_tiles
    assert_same(expected, found[name])


@pytest.fixture(scope="module")
def bounded(folder, native, machines) -> tuple[list[tuple[Path, Path, float]], dict[str, list]]:
    """Streams with a largest error, (scene, stream, error) each, and what every machine decodes of them."""
    if not SHIPPED.exists():
        pytest.skip(f"{SHIPPED.name} is not in this package")
    streams = []
    for dtype, bands in {"uint8": 3, "uint16": 4, "float32": 1}.items():
        scene = folder / f"bounded-{dtype}.npy"
        pixels, _ = synthesize((64, 48), bands, dtype)
        np.save(scene, pixels * np.float32(5000) if dtype == "float32" else pixels)
        for max_error in (1, 2, 5, 20):
            stream = folder / f"bounded-{dtype}-{max_error}.bin"
            native.ask("encode", scene=scene, stream=stream, weights=SHIPPED, quality=3, tile=64, max_error=max_error)
            native.ask("decode", **decoding(stream, SHIPPED))
            streams.append((scene, stream, max_error))
    for name, machine in machines.items():
        stream = folder / f"bounded-by-{name}.bin"
        scene = folder / "bounded-uint8.npy"
        machine.ask("encode", scene=scene, stream=stream, weights=SHIPPED, quality=3, tile=64, threads=2, max_error=1)
        native.ask("decode", **decoding(stream, SHIPPED))
        streams.append((scene, stream, 1))
    requests = [decoding(stream, SHIPPED, threads=threads) for _, stream, _ in streams for threads in THREADS]
    return streams, ask_all(machines, "decode", requests)


def test_with_a_largest_error_every_machine_decodes_the_same_pixels(bounded, name):
    streams, found = bounded
    assert all(answer["tiles_bad"] == 0 and answer["apart"] == 0 for answer in found[name])
    for scene, stream, max_error in streams:
        error = np.abs(np.load(stream.with_suffix(".npy")).astype(float) - np.load(scene)).max()
        assert 0.9 * max_error <= error <= max_error


def test_floats_on_the_entropy_path_would_be_noticed(folder, native, machines, untrained):
    """The same check with real numbers where the integers are: at home the stream decodes, elsewhere it does not."""
    prints = ask_all(machines, "fingerprint", [{}])
    unlike = {name: machines[name] for name, answer in prints.items() if answer != [native.ask("fingerprint")]}
    if not unlike:
        pytest.skip("on this CPU float products are the same in every environment")
    weights, stream = untrained, folder / "floats.bin"
    native.ask("encode", scene=folder / "wide.npy", stream=stream, weights=weights, quality=5, tile=512, floats=True)
    request = decoding(stream, weights, floats=True)
    assert native.ask("decode", **request)["tiles_bad"] == 0
    answers = ask_all(unlike, "decode", [request])
    assert any(answer["tiles_bad"] for (answer,) in answers.values())


@pytest.mark.gpu
@pytest.mark.parametrize("scene", ["small", "large", "deep"])
@pytest.mark.parametrize("there, back", [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda")])
def test_a_gpu_is_a_machine_like_any_other(scene, there, back, weights, folder, native):
    stream = folder / f"{scene}-{there}-{back}.bin"
    native.ask(
        "encode", scene=folder / f"{scene}.npy", stream=stream, weights=weights, quality=5, tile=128, device=there
    )
    home, away = decoding(stream, weights), decoding(stream, weights, device=back)
    assert_same([native.ask("decode", **home)], [native.ask("decode", **away)])
