"""Weights files of generative models: they rebuild the model, and say what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn as nn
from safetensors.torch import save_file

from rscodec.bitstreams.errors import MissingWeights, WrongWeights
from rscodec.models.model_file import Config, form_of, read_model, write_model


@dataclass(frozen=True)
class Sizes(Config):
    channels: int = 4
    widths: tuple[int, ...] = (2, 3)


class Net(nn.Module):
    def __init__(self, config: Sizes):
        super().__init__()
        self.config = config
        self.layer = nn.Conv2d(config.channels, 2, 1)
        self.critic = nn.Conv2d(2, 1, 1)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net(Sizes(5))


@pytest.fixture
def path(tmp_path, net):
    write_model(tmp_path / "a.safetensors", "toy-1", "toy", net, ("critic.",), codecs=["0011"])
    return tmp_path / "a.safetensors"


def test_a_file_rebuilds_the_net_without_what_does_not_ship(path, net):
    file = read_model(path, "toy-1", "toy weights", Sizes, ("codecs",))
    assert (file.model, file.config, file.facts) == ("toy", Sizes(5), {"codecs": ["0011"]})
    assert file.tensors.keys() == {"layer.weight", "layer.bias"} and len(file.weights_hash) == 16
    again = file.load_into(Net(file.config), ("critic.",), "cpu")
    assert torch.allclose(again.layer.weight, net.layer.weight, atol=1e-3) and not again.layer.weight.requires_grad


def test_the_form_of_a_file(path, tmp_path):
    (tmp_path / "notes.txt").write_text("no weights")
    assert form_of(path) == "toy-1" and form_of(tmp_path / "notes.txt") is None and form_of(tmp_path / "no") is None


def test_what_is_wrong_is_named(path, tmp_path):
    with pytest.raises(MissingWeights, match="no toy weights at .*nowhere"):
        read_model(tmp_path / "nowhere", "toy-1", "toy weights", Sizes)
    with pytest.raises(WrongWeights, match="its format is toy-1, not toy-2"):
        read_model(path, "toy-2", "toy weights", Sizes)
    with pytest.raises(WrongWeights, match="does not describe its toy weights"):
        read_model(path, "toy-1", "toy weights", Sizes, ("trained_on",))
    with pytest.raises(WrongWeights, match="does not hold a usable toy"):
        read_model(path, "toy-1", "toy weights", Sizes).load_into(Net(Sizes(6)), ("critic.",), "cpu")
    save_file({"x": torch.tensor([float("nan")])}, tmp_path / "nan", {"format": "toy-1"})
    with pytest.raises(WrongWeights, match="'x' holds values that are not finite"):
        read_model(tmp_path / "nan", "toy-1", "toy weights", Sizes)
