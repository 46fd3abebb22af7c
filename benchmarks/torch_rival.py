"""The three networks in PyTorch, trained on a CPU in channels-last memory; run by an interpreter that has PyTorch.

Needs nothing of Segscope. Reads questions from standard input, one a line: ``epoch`` trains one and answers with its
seconds, ``memory`` answers with the peak. Every answer is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

EPSILON = 1e-3
LEVELS = 5


class PlainBlock(nn.Module):  # type: ignore[misc]
    """Convolution 3×3 → BN → ReLU, twice."""

    def __init__(self, incoming: int, filters: int, momentum: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(incoming, filters, 3, padding=1),
            nn.BatchNorm2d(filters, EPSILON, momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters, EPSILON, momentum),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layers."""
        return self.layers(x)


class ResidualBlock(nn.Module):  # type: ignore[misc]
    """Two convolutions beside a projected shortcut, rectified once."""

    def __init__(self, incoming: int, filters: int, momentum: float) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(incoming, filters, 3, padding=1),
            nn.BatchNorm2d(filters, EPSILON, momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters, EPSILON, momentum),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(incoming, filters, 1), nn.BatchNorm2d(filters, EPSILON, momentum))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add and rectify."""
        return functional.relu(self.shortcut(x) + self.path(x))


class Attention(nn.Module):  # type: ignore[misc]
    """The gate of the coarser map, and the skip connection weighed by it."""

    def __init__(self, skip: int, coarse: int, filters: int, momentum: float) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(coarse, filters, 1), nn.BatchNorm2d(filters, EPSILON, momentum), nn.ReLU(inplace=True)
        )
        self.theta = nn.Conv2d(skip, filters, 2, stride=2)
        self.phi = nn.Sequential(
            nn.Conv2d(filters, filters, 1), nn.ConvTranspose2d(filters, filters, 3, stride=1, padding=1)
        )
        self.psi = nn.Conv2d(filters, 1, 1)
        self.out = nn.Sequential(nn.Conv2d(skip, skip, 1), nn.BatchNorm2d(skip, EPSILON, momentum))

    def forward(self, skip: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """Weigh `skip`."""
        weights = torch.sigmoid(self.psi(functional.relu(self.phi(self.gate(coarse)) + self.theta(skip))))
        return self.out(functional.interpolate(weights, scale_factor=2.0, mode="nearest") * skip)


class Network(nn.Module):  # type: ignore[misc]
    """UNet, Attention UNet or Attention ResUNet, with its head."""

    def __init__(self, architecture: str, filters: int, momentum: float) -> None:
        super().__init__()
        block = ResidualBlock if architecture == "attention-resunet" else PlainBlock
        sizes = [filters << level for level in range(LEVELS)]
        self.encoder = nn.ModuleList(
            block(incoming, outgoing, momentum) for incoming, outgoing in zip([3, *sizes], sizes, strict=False)
        )
        pairs = list(pairwise(sizes))
        self.attention = nn.ModuleList(
            nn.Identity() if architecture == "unet" else Attention(fine, coarse, fine, momentum)
            for fine, coarse in pairs
        )
        self.decoder = nn.ModuleList(block(coarse + fine, fine, momentum) for fine, coarse in pairs)
        self.attends = architecture != "unet"
        self.head = nn.Sequential(nn.Conv2d(filters, 1, 1), nn.BatchNorm2d(1, EPSILON, momentum))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return probabilities."""
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else functional.max_pool2d(x, 2))
            skips.append(x)
        for level in reversed(range(LEVELS - 1)):
            skip = self.attention[level](skips[level], x) if self.attends else skips[level]
            x = self.decoder[level](torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return torch.sigmoid(self.head(x))


def focal_loss(targets: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    """Return the binary focal loss with γ = 2, averaged over pixels."""
    probabilities = probabilities.clamp(1e-7, 1 - 1e-7)
    right = targets * probabilities + (1 - targets) * (1 - probabilities)
    return ((1 - right) ** 2 * -torch.log(right)).mean()


def count_values(network: nn.Module) -> int:
    """Count weights and moving statistics, as Keras does."""
    statistics = [value for name, value in network.named_buffers() if "running" in name]
    return sum(value.numel() for value in (*network.parameters(), *statistics))


def make_epoch(arguments: argparse.Namespace) -> Callable[[], float]:
    """Return a function that trains one epoch and returns its seconds."""
    torch.manual_seed(0)
    network = Network(arguments.architecture, arguments.filters, 1 - arguments.momentum)
    if count_values(network) != arguments.parameters:
        raise SystemExit(f"{count_values(network)} parameters, expected {arguments.parameters}")
    network = network.to(memory_format=torch.channels_last)
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, lr=arguments.learning_rate, eps=1e-7)
    images = torch.rand(arguments.items, 3, arguments.side, arguments.side).to(memory_format=torch.channels_last)
    masks = (torch.rand(arguments.items, 1, arguments.side, arguments.side) < 0.1).float()

    def forward(batch: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return focal_loss(targets, network(batch))

    run = torch.compile(forward) if arguments.compile else forward

    def epoch() -> float:
        started_at = time.perf_counter()
        for indices in torch.randperm(arguments.items).split(arguments.batch_size):
            optimizer.zero_grad(set_to_none=True)
            run(images[indices].to(memory_format=torch.channels_last), masks[indices]).backward()
            # Keras' clipnorm: each variable by itself.
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            scales = [(arguments.clipnorm / (norm + 1e-12)).clamp(max=1.0) for norm in torch._foreach_norm(gradients)]
            torch._foreach_mul_(gradients, scales)
            optimizer.step()
        return time.perf_counter() - started_at

    return epoch


def main() -> None:
    """Answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", required=True)
    for name in ("filters", "side", "batch-size", "items", "parameters"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("momentum", "learning-rate", "clipnorm"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--compile", action="store_true")
    epoch = make_epoch(parser.parse_args())
    for line in sys.stdin:
        if line.strip() == "memory":
            answer = {"peak_bytes": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)}
        else:
            answer = {"seconds": epoch()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
