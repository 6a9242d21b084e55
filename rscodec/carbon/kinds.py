"""The kinds of learned models of carbon: the models to train, by name, and how to build a model
from its configuration.
"""

from __future__ import annotations

from dataclasses import replace

from rscodec.carbon.base import CarbonConfig, CarbonModel
from rscodec.carbon.gan import Gan
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.regression import Regression
from rscodec.carbon.vae import Vae

IIDM = IidmConfig()
RIVALS = (16, 24, 40, 56, 72)  # channels of the models that IIDM is compared with, which also ship
TRAINED = {
    "iidm": IIDM,
    "idm": replace(IIDM, attention=False, coordinates=False),
    **{kind: CarbonConfig(kind, widths=RIVALS) for kind in ("unet", "vae", "gan")},
}
CLASSES = {"iidm": Iidm, "unet": Regression, "vae": Vae, "gan": Gan}


def build(config: CarbonConfig) -> CarbonModel:
    return CLASSES[config.kind](config)


class AnyConfig:
    """Reads a configuration from a weights file as the class of its kind."""

    @staticmethod
    def from_dict(values: dict) -> CarbonConfig:
        return (IidmConfig if values["kind"] == "iidm" else CarbonConfig).from_dict(values)
