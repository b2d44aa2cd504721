"""Four networks in plain PyTorch, whose training steps are timed. None knows of dxdw."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Network(NamedTuple):
    """How to make a network, and what a batch of it is."""

    make: Callable[[], nn.Module]
    x_shape: tuple[int, ...]
    classes: int
    per_pixel: bool = False  # a class for every pixel, not for every picture

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.x_shape[0], *(self.x_shape[2:] if self.per_pixel else ()))


def lenet5() -> nn.Module:
    """LeCun et al. 1998, with relu and max-pooling, as it is usually written today."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.residual(x) + self.shortcut(x))


def blocks(widths: tuple[int, ...], each: int) -> list[nn.Module]:
    """So many blocks of each width; every width but the first halves the picture."""
    found: list[nn.Module] = []
    channels = widths[0]
    for width in widths:
        for i in range(each):
            found.append(Block(channels, width, 2 if width > widths[0] and i == 0 else 1))
            channels = width
    return found


def resnet20() -> nn.Module:
    """For 32×32 pictures (He et al. 2016), with 1×1 convolutions as shortcuts."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *blocks((16, 32, 64), each=3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def resnet18() -> nn.Module:
    """For 224×224 pictures (He et al. 2016)."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        *blocks((64, 128, 256, 512), each=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 1000),
    )


class UNet(nn.Module):
    """Ronneberger et al. 2015, half as wide, padded, and with batch normalization."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        falling = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.down = nn.ModuleList(map(twice, (1, *widths), widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(wide, slim, 2, stride=2) for wide, slim in falling
        )
        self.merge = nn.ModuleList(twice(wide, slim) for wide, slim in falling)
        self.pool = nn.MaxPool2d(2)
        self.classes = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for i, convolutions in enumerate(self.down):
            x = convolutions(self.pool(x) if i else x)
            skipped.append(x)
        skipped.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat((skipped.pop(), up(x)), 1))
        return self.classes(x)


def twice(channels_in: int, channels: int) -> nn.Module:
    """Two 3×3 convolutions of a U-Net's level."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


NETWORKS = {
    "lenet5": Network(lenet5, (64, 1, 28, 28), 10),
    "resnet20": Network(resnet20, (32, 3, 32, 32), 10),
    "resnet18": Network(resnet18, (8, 3, 224, 224), 1000),
    "unet": Network(UNet, (2, 1, 128, 128), 2, per_pixel=True),
}
