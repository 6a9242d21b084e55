"""Every row of the registry is held to the contract of its base class."""

from __future__ import annotations

import pytest

from rscodec.models.registry import CODECS
from rscodec.models.weights import FOLDER
from tests.helpers import models
from tests.helpers.laws import LAWS


@pytest.fixture(scope="module", params=CODECS, ids=lambda row: row.name)
def codec(request, tmp_path_factory):
    """The weights that ship if there are any, else an untrained model of the row's first kind."""
    row = request.param
    shipped = FOLDER / f"{row.default_model}.safetensors"
    if shipped.exists():
        return row.load()(shipped)
    if row.name == "elic":
        pytest.skip(f"{row.name} has no weights of its own: the user brings a checkpoint")
    return row.load()(models.write(tmp_path_factory.mktemp(row.name) / "weights.safetensors", row.models[0]))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_law_holds(codec, law):
    law(codec)
