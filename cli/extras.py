"""Names the extra of the package that installs a missing module."""

from __future__ import annotations

EXTRAS = {
    "torch": "enhance",
    "compressai": "elic",
    "bjontegaard": "eval",
    "glymur": "eval",
    "imageio_ffmpeg": "eval",
    "lpips": "eval",
    "matplotlib": "eval",
    "PIL": "eval",
    "pytorch_msssim": "eval",
    "pyogrio": "carbon",
    "shapely": "carbon",
    "sklearn": "carbon",
}

COMMANDS = {"eval": "eval", "carbon": "carbon"}  # commands that need all of an extra


def words_for(missing: ModuleNotFoundError, command: str) -> str | None:
    """Advice on a module that a command lacks; None if no extra installs it."""
    module = (missing.name or "").partition(".")[0]
    extra = EXTRAS.get(module) and COMMANDS.get(command, EXTRAS[module])
    return extra and f"this needs {module}, which is not installed; run pip install 'rscodec[{extra}]'"
