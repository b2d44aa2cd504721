"""
A U-Net of PyTorch's, accelerated
=================================

``accelerate`` has a model's convolutions computed by these kernels, forward and backward. The model
stays what it is: its class, its parameters, its place in an optimizer.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from dxdw.interop.torch import accelerate, restore

torch.manual_seed(0)


class UNet(nn.Module):
    """Down, and up again, with what was seen on the way down."""

    def __init__(self, channels=16):
        super().__init__()
        c = channels
        self.inside = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(2 * c, 2 * c, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.out = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, 1, 1))

    def forward(self, x):
        seen = self.inside(x)
        return self.out(torch.cat([seen, self.up(self.deep(self.down(seen)))], 1))


# %%
# It learns to find discs in noise: once with plain PyTorch, once accelerated, with the same losses
# but for rounding. How long a step takes stands under *Measured*.


def discs(count=8, side=64):
    grid = torch.arange(side)
    centre, radius = torch.rand(count, 2, 1, 1) * side, 5 + 8 * torch.rand(count, 1, 1)
    far = (grid[:, None] - centre[:, 0]) ** 2 + (grid - centre[:, 1]) ** 2
    masks = (far < radius**2).float()[:, None]
    return masks + torch.randn_like(masks), masks


def trained(model, steps=25):
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(steps):
        noisy, masks = discs()
        loss = nn.functional.binary_cross_entropy_with_logits(model(noisy), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


model = UNet()
start = {name: value.clone() for name, value in model.state_dict().items()}
plain = trained(model)
model.load_state_dict(start)
ours = trained(accelerate(model))
print(
    f"largest difference of a loss: {max(abs(a - b) for a, b in zip(plain, ours, strict=True)):.0e}"
)

noisy, masks = discs(1)
with torch.no_grad():
    found = restore(model)(noisy).sigmoid()

figure, axes = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained")
axes[0].plot(plain, label="PyTorch")
axes[0].plot(ours, "--", label="accelerated")
axes[0].set(xlabel="step", ylabel="loss")
axes[0].legend()
for ax, title, image in zip(
    axes[1:], ("noisy", "true", "found"), (noisy, masks, found), strict=True
):
    ax.imshow(image[0, 0], cmap="gray")
    ax.set_title(title)
    ax.axis("off")
