"""A patch discriminator, and its share of the gradient."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

SLOPE = 0.2


class Critic(nn.Module):
    """Rates how real each patch of 38 x 38 pixels of images (B, 3, H, W) in 0..1 looks: (B, 1, H/8, W/8)."""

    def __init__(self, width: int = 32):
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        pairs = pairwise(widths)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, images: torch.Tensor, frozen: bool = False) -> torch.Tensor:
        """Rate images. With `frozen`, the critic itself gets no gradient."""
        x = 2 * images - 1
        for layer in self.layers:
            x = F.leaky_relu(_convolved(layer, x, frozen), SLOPE)
        return _convolved(self.head, x, frozen).float()


def _convolved(layer: nn.Conv2d, x: torch.Tensor, frozen: bool) -> torch.Tensor:
    weight, bias = (part.detach() if frozen else part for part in (layer.weight, layer.bias))
    return F.conv2d(x, weight, bias, layer.stride, layer.padding)


class WithCritic(nn.Module):
    """A network and the critic that is trained beside it, in one checkpoint."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.critic = net, Critic()


def told_apart(critic: Critic, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Return the hinge loss of the critic itself."""
    return (F.relu(1 - critic(real)).mean() + F.relu(1 + critic(made.detach())).mean()) / 2


def taken_for_real(critic: Critic, made: torch.Tensor) -> torch.Tensor:
    """Return the adversarial loss of the network that made the images. The critic learns nothing from it."""
    return -critic(made, frozen=True).mean()


def contested(
    main: torch.Tensor, made: torch.Tensor, real: torch.Tensor, critic: Critic, share: float, layer: nn.Parameter
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return `main` plus the losses of the network and of its critic, and figures to log."""
    fooled, apart = taken_for_real(critic, made), told_apart(critic, real, made)
    return main + share * balanced(main, fooled, layer) + apart, {"fooled": fooled, "apart": apart}


def balanced(main: torch.Tensor, other: torch.Tensor, layer: nn.Parameter) -> torch.Tensor:
    """Weight `other` so that both losses have equal gradient norms at a last layer (Esser et al. 2021, equation 7)."""
    pulls = [torch.autograd.grad(loss, layer, retain_graph=True)[0].norm() for loss in (main, other)]
    return (pulls[0] / (pulls[1] + 1e-4)).clamp(max=1e4).detach() * other
