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
# channel widths of the U-Net, the VAE and the GAN, which we compare with IIDM; the package contains them too
RIVALS = (16, 24, 40, 56, 72)
TRAINED = {
    "iidm": IIDM,
    "idm": replace(IIDM, attention=False, coordinates=False),
    **{kind: CarbonConfig(kind, widths=RIVALS) for kind in ("unet", "vae", "gan")},
}
CLASSES = {"iidm": Iidm, "unet": Regression, "vae": Vae, "gan": Gan}


def build(config: CarbonConfig) -> CarbonModel:
    return CLASSES[config.kind](config)


class AnyConfig:
    """Reads the configuration in a weights file. The `kind` in it decides which configuration class this returns."""

    @staticmethod
    def from_dict(values: dict) -> CarbonConfig:
        return (IidmConfig if values["kind"] == "iidm" else CarbonConfig).from_dict(values)
