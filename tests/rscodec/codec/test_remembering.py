"""A codec that remembers: the same as the codec behind it, but that it decodes only what it has encoded."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.codec.base import TileCodec
from rscodec.codec.remembering import RememberingCodec


def test_it_decodes_what_it_has_encoded_and_nothing_else(tiny):
    codec = RememberingCodec(tiny)
    y = codec.analyse(np.random.default_rng(0).uniform(0, 1, (1, 3, 64, 48)).astype(np.float32), 4)
    ((payload, latents),) = codec.encode(y, 4)
    assert payload == tiny.encode(y, 4)[0][0]
    assert np.array_equal(codec.decode([payload], 4, 3, 4)[0], latents)
    assert np.array_equal(codec.synthesise(latents[None], 4), tiny.synthesise(latents[None], 4))
    with pytest.raises(KeyError):
        codec.decode([b"other"], 4, 3, 4)


def test_it_has_all_that_a_codec_has(tiny):
    names = [*TileCodec.__annotations__, "arithmetic", "weights_hash"]
    assert len(names) > 10 and all(getattr(RememberingCodec(tiny), name) == getattr(tiny, name) for name in names)
    methods = {name for name, value in vars(TileCodec).items() if callable(value)} - {"sketch", "__new__"}
    assert methods <= vars(RememberingCodec).keys()
