"""Makes `vec-1`, the tiny model of the frozen test vectors. It was made once: with another model, no vector decodes.

    python tools/make_vec_model.py bitstreams/vectors/vec-1.safetensors

It is a transform coder of 20 discrete cosines, trained for a few seconds on a synthetic scene, so that every part of
the codec is exercised: heads are not zero, scales depend on the quality, and some symbols are not coded at all.
"""

from __future__ import annotations

import click
import numpy as np
import torch

from rscodec.codec import rate
from rscodec.codec.config import CodecConfig
from rscodec.codec.integer import BIAS_UNIT
from rscodec.networks.export import freeze, write_weights
from rscodec.networks.model import Codec
from rscodec.synthetic.sample import synthesize

CONFIG = CodecConfig(
    width=16, encoder_blocks=1, decoder_blocks=1, tail=8, groups=(4, 6, 10), features=16, hyper=8, narrow=8
)
STEPS, CROP, BATCH = 600, 64, 8
UNCODED = 12  # scale indexes are lowered by this, so that some reach 0; their symbols are not coded
COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


def cosines(count: int, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The `count` strongest products of colours and 16x16 cosines in blocks (n, 3, 16, 16), and their deviations."""
    waves = np.cos(np.pi * np.outer(np.arange(16), np.arange(16) + 0.5) / 16)
    waves *= np.sqrt(np.where(np.arange(16), 2, 1) / 16)[:, None]
    basis = np.einsum("kc,ui,vj->kuvcij", COLOURS, waves, waves).reshape(-1, 768)
    deviations = np.sqrt(((blocks.reshape(-1, 768) @ basis.T) ** 2).mean(0))
    strongest = np.argsort(-deviations)[:count]
    return basis[strongest].reshape(count, 3, 16, 16), deviations[strongest]


def train(codec: Codec, scene: torch.Tensor) -> None:
    """Train for rate and distortion on random crops at random qualities, with every layer of the exact path rounded."""
    codec.set_fake(True)
    optimizer = torch.optim.Adam(codec.parameters(), lr=3e-3)
    for step in range(STEPS):
        corners = torch.randint(0, scene.shape[-1] - CROP, (BATCH, 2)).tolist()
        x = torch.stack([scene[:, r : r + CROP, c : c + CROP] for r, c in corners])
        quality = 1 + 7 * torch.rand(BATCH)
        coded = codec(x, quality)
        weight = rate.weight(quality)
        error = 255**2 * ((coded.pixels - x) ** 2).mean((1, 2, 3))
        loss = ((coded.bits / CROP**2 + weight * error) / weight.sqrt()).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            click.echo(f"step {step + 1} bpp {coded.bits.mean().item() / CROP**2:.3f} mse {error.mean().item():.1f}")


@click.command()
@click.argument("path", type=click.Path(exists=False))
def main(path: str) -> None:
    torch.manual_seed(1)
    pixels, _ = synthesize(512, seed=1)
    blocks = (pixels - 127.5).reshape(3, 32, 16, 32, 16).transpose(1, 3, 0, 2, 4)
    codec = Codec(CONFIG)
    basis, deviations = cosines(CONFIG.latents, blocks)
    codec.start_from_klt(torch.from_numpy(basis).float(), torch.from_numpy(deviations).float())
    with torch.no_grad():
        codec.entropy.hyper.levels.normal_(0, 2)
        codec.entropy.z_mu.uniform_(-4, 4)
    train(codec, torch.from_numpy(pixels) / 255.0)
    with torch.no_grad():
        for group in codec.entropy.groups[1:]:
            for head in (group.anchor_index, group.other_index):
                head.bias -= UNCODED / BIAS_UNIT
    write_weights(path, "vec-1", CONFIG, freeze(codec))


if __name__ == "__main__":
    main()
