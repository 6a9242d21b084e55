"""Generated pixels are marked: tags that travel with a scene, through every further file.

    synthetic=yes, synthetic_model, synthetic_weights, synthetic_seed, synthetic_bands, synthetic_source_crc32, ...
"""

from __future__ import annotations

PREFIX = "synthetic"


def marked(metadata: dict, bands: list[int], facts: dict[str, object]) -> dict:
    """The metadata of a scene whose `bands` (counted from 1) are generated, in part or all; `facts` say how."""
    tags = {PREFIX: "yes", f"{PREFIX}_bands": ",".join(map(str, bands))}
    tags |= {f"{PREFIX}_{name}": str(fact) for name, fact in facts.items()}
    namespaces = metadata.get("tags", {})
    return metadata | {"tags": namespaces | {"": namespaces.get("", {}) | tags}}
