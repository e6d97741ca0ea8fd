"""A PyTorch module from a network file: the operators that torchvision's models leave out, padding SAME above all."""

import re
import tomllib

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hswish": nn.Hardswish}


class Convolution(nn.Conv2d):
    """Convolution without bias, padded as in TensorFlow: the odd zero lies at the bottom and right."""

    def __init__(self, c_in, c_out, kernel, stride, groups=1):
        super().__init__(c_in, c_out, kernel, stride, groups=groups, bias=False)

    def forward(self, x):
        return super().forward(F.pad(x, same_zeros(x.shape, self.kernel_size[0], self.stride[0])))


def same_zeros(shape, kernel, stride):
    """The argument of `F.pad`: zeros left, right, above and below images of this NCHW shape."""

    def both_sides(size):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return [total // 2, total - total // 2]

    return both_sides(shape[3]) + both_sides(shape[2])


class SqueezeExcite(nn.Module):
    def __init__(self, channels, squeeze):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeeze, 1)
        self.expand = nn.Conv2d(squeeze, channels, 1)

    def forward(self, x):
        pooled = x.mean((2, 3), keepdim=True)
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(pooled))))


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Builder:
    """Appends the layers of one block after another; knows the channels it has reached."""

    def __init__(self, file):
        self.file, self.channels = file, file.get("input_channels", 3)

    def convolution(self, kernel, stride, c_out, activation, groups=1):
        layers = [
            Convolution(self.channels, c_out, kernel, stride, groups),
            nn.BatchNorm2d(c_out, **self.file["batch_norm"]),
        ]
        self.channels = c_out
        return layers + ([ACTIVATIONS[activation]()] if activation else [])

    def depthwise(self, kernel, stride, activation):
        return self.convolution(kernel, stride, self.channels, activation, groups=self.channels)

    def block(self, token):
        kind, *parts = token.split("_")
        sizes = dict(re.fullmatch(r"([a-z]+)(\d+)", part).groups() for part in parts if part not in ACTIVATIONS)
        k, s, c = (int(sizes.get(name, 0)) for name in "ksc")
        activation = parts[-1] if parts and parts[-1] in ACTIVATIONS else None
        if kind == "conv":
            return self.convolution(k, s, c, activation)
        if kind == "ds":
            return self.depthwise(k, s, activation) + self.convolution(1, 1, c, activation)
        if kind == "ir":
            return self.inverted_residual(k, s, int(sizes["h"]), c, int(sizes.get("se", 0)), activation)
        if kind == "pool":
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if kind == "linear":
            linear, self.channels = nn.Linear(self.channels, c), c
            return [linear] + ([ACTIVATIONS[activation]()] if activation else [])
        raise ValueError(f"{token} is not a block")

    def inverted_residual(self, kernel, stride, hidden, c_out, squeeze, activation):
        c_in = self.channels
        layers = self.convolution(1, 1, hidden, activation) if hidden != c_in else []
        layers += self.depthwise(kernel, stride, activation)
        if squeeze:
            layers.append(SqueezeExcite(hidden, squeeze))
        layers += self.convolution(1, 1, c_out, None)
        return [Residual(*layers)] if stride == 1 and c_in == c_out else layers


def load(path):
    """The module of a network file with padding SAME and no dropout, and its resolution."""
    with open(path, "rb") as stream:
        file = tomllib.load(stream)
    assert file["padding"] == "same" and not file.get("dropout"), path
    builder = Builder(file)
    layers = [layer for token in [file["stem"], *file["blocks"], *file["head"]] for layer in builder.block(token)]
    layers.append(nn.Linear(builder.channels, file["classes"]))
    return nn.Sequential(*layers), file["resolution"]
