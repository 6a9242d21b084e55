"""The kinds of learned models of carbon: what is trained by which name, and a model built of its configuration."""

from __future__ import annotations

from dataclasses import replace

from rscodec.carbon.base import CarbonConfig, CarbonModel
from rscodec.carbon.gan import Gan
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.regression import Regression
from rscodec.carbon.vae import Vae

IIDM = IidmConfig()
TRAINED = {
    "iidm": IIDM,
    "idm": replace(IIDM, attention=False, coordinates=False),
    "unet": CarbonConfig("unet"),
    "vae": CarbonConfig("vae"),
    "gan": CarbonConfig("gan"),
}
CLASSES = {"iidm": Iidm, "unet": Regression, "vae": Vae, "gan": Gan}


def build(config: CarbonConfig) -> CarbonModel:
    return CLASSES[config.kind](config)


class AnyConfig:
    """Comes back from a weights file as the configuration of its kind."""

    @staticmethod
    def from_dict(values: dict) -> CarbonConfig:
        return (IidmConfig if values["kind"] == "iidm" else CarbonConfig).from_dict(values)
