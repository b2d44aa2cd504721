"""Six networks in plain PyTorch, whose training steps are timed. None knows of dxdw."""

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


class InvertedResidual(nn.Module):
    """1×1 to more channels, 3×3 of each, 1×1 to few (Sandler et al. 2018)."""

    def __init__(self, channels_in: int, channels: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = channels_in * expand
        widened = convolved(channels_in, wide, 1) if expand > 1 else []
        self.layers = nn.Sequential(
            *widened,
            *convolved(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


def convolved(
    channels_in: int, channels: int, k: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution, normalized, and at most 6."""
    return [
        nn.Conv2d(channels_in, channels, k, stride, k // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
    ]


def mobilenet_v2() -> nn.Module:
    """For pictures of 224×224 (Sandler et al. 2018)."""
    layers = convolved(3, 32, 3, stride=2)
    channels_in = 32
    for expand, channels, each, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for i in range(each):
            layers.append(InvertedResidual(channels_in, channels, 1 if i else stride, expand))
            channels_in = channels
    return nn.Sequential(
        *layers,
        *convolved(320, 1280, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1280, 1000),
    )


class ConvNeXtBlock(nn.Module):
    """7×7 of each channel, then two layers at every position (Liu et al. 2022)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        at_positions = self.depthwise(x).permute(0, 2, 3, 1)
        return x + (self.scale * self.mlp(self.norm(at_positions))).permute(0, 3, 1, 2)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a picture."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnext_tiny() -> nn.Module:
    """For pictures of 224×224 (Liu et al. 2022)."""
    layers: list[nn.Module] = []
    channels_in = 3
    for channels, each in ((96, 3), (192, 3), (384, 9), (768, 3)):
        if channels_in == 3:
            layers += [nn.Conv2d(3, channels, 4, 4), ChannelNorm(channels, eps=1e-6)]
        else:
            layers += [ChannelNorm(channels_in, eps=1e-6), nn.Conv2d(channels_in, channels, 2, 2)]
        layers += [ConvNeXtBlock(channels) for _ in range(each)]
        channels_in = channels
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(768, eps=1e-6),
        nn.Linear(768, 1000),
    )


NETWORKS = {
    "lenet5": Network(lenet5, (64, 1, 28, 28), 10),
    "resnet20": Network(resnet20, (32, 3, 32, 32), 10),
    "resnet18": Network(resnet18, (8, 3, 224, 224), 1000),
    "unet": Network(UNet, (2, 1, 128, 128), 2, per_pixel=True),
    "mobilenet_v2": Network(mobilenet_v2, (8, 3, 224, 224), 1000),
    "convnext_tiny": Network(convnext_tiny, (2, 3, 224, 224), 1000),
}
