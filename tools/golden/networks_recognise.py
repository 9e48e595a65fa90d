"""Recognisers and attribute networks: the architectures of their papers, built for networks.py."""
import torch
from torch import nn
import torch.nn.functional as F
from networks_parts import Bottleneck, Conv, Excite, L2, PixelScale, Residual, SpelledHardSigmoid, SpelledHardSwish, SpelledMish


def sface():
    """MobileFaceNet (Chen et al. 2018) with PReLU, 112 px, 128 numbers; the pixels' scale is part of the graph."""
    act = nn.PReLU
    layers = [Conv(3, 64, 3, 2, act=act), Conv(64, 64, 3, groups=64, act=act)]
    c = 64
    for grow, out, n, stride in (2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1):
        for i in range(n):
            layers.append(Bottleneck(c, out, c * grow, stride if i == 0 else 1, act))
            c = out
    layers += [Conv(c, 512, act=act), Conv(512, 512, 7, pad=0, groups=512, act=None), nn.Flatten(), nn.Linear(512, 128, bias=False), nn.BatchNorm1d(128)]
    return PixelScale(nn.Sequential(*layers))


class ImprovedBlock(nn.Module):
    """Block of the improved ResNet of ArcFace: batch norm first, one activation, the stride in the second convolution."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(c_in), Conv(c_in, c_out, 3, act=nn.PReLU), Conv(c_out, c_out, 3, stride, act=None))
        self.shortcut = Conv(c_in, c_out, 1, stride, act=None) if stride != 1 or c_in != c_out else nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def w600k_r50():
    """Buffalo_L's recogniser: improved ResNet-50 of InsightFace, 112 px, 512 numbers."""
    layers, c = [Conv(3, 64, 3, act=nn.PReLU)], 64
    for out, n in (64, 3), (128, 4), (256, 14), (512, 3):
        for i in range(n):
            layers.append(ImprovedBlock(c, out, 2 if i == 0 else 1))
            c = out
    return nn.Sequential(*layers, nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 49, 512), nn.BatchNorm1d(512))


class Fasnet(nn.Module):
    """MiniFASNet (Silent-Face-Anti-Spoofing): MobileFaceNet's blocks with few channels, 80 px, three classes."""

    def __init__(self, excite):
        super().__init__()
        layers, c = [Conv(3, 32, 3, 2, act=nn.PReLU), Conv(32, 32, 3, groups=32, act=nn.PReLU)], 32
        for grow, out, n in (103, 64, 1), (13, 64, 4), (231, 128, 1), (231, 128, 6), (52, 128, 1), (26, 128, 2):
            for i in range(n):
                layers.append(Bottleneck(c, out, grow, 2 if n == 1 else 1, nn.PReLU))
                c = out
            if excite:
                layers.append(Excite(c, c // 4))
        self.body = nn.Sequential(*layers, Conv(c, 512, act=nn.PReLU), Conv(512, 512, 5, pad=0, groups=512, act=None), nn.Flatten(),
                                  nn.Linear(512, 128, bias=False), nn.BatchNorm1d(128), nn.Linear(128, 3, bias=False))

    def forward(self, x):
        return F.softmax(self.body(x), 1)


class VggAge(nn.Module):
    """VGG-Face's body with a head of `n` classes, channels last at the door, as upstream's age, gender and race models."""

    def __init__(self, n):
        super().__init__()
        layers, c = [], 3
        for block in (64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3:
            for out in block:
                layers += [nn.ZeroPad2d(1), nn.Conv2d(c, out, 3), nn.ReLU()]
                c = out
            layers.append(nn.MaxPool2d(2, 2))
        layers += [nn.Conv2d(512, 4096, 7), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4096, 4096, 1), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4096, n, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return F.softmax(torch.flatten(self.body(x.permute(0, 3, 1, 2) * 0.2), 1), -1)


class Xception(nn.Module):
    """mini-XCEPTION (Arriaga et al. 2017): separable convolutions, 64 px grey, seven emotions."""

    def __init__(self):
        super().__init__()
        blocks, c = [], 8
        for out in 16, 32, 64, 128:
            body = nn.Sequential(Conv(c, c, 3, groups=c, act=None), Conv(c, out, act=nn.ReLU), Conv(out, out, 3, groups=out, act=None),
                                 Conv(out, out, act=None), nn.MaxPool2d(3, 2, 1))
            blocks.append(Residual(body, Conv(c, out, 1, 2, act=None)))
            c = out
        self.body = nn.Sequential(Conv(1, 8, 3, pad=0), Conv(8, 8, 3, pad=0), *blocks, nn.Conv2d(c, 7, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        return F.softmax(self.body(x), 1)


def emotion():
    """Upstream's emotion network: plain convolutions, average pooling, three dense layers; 48 px grey."""
    return nn.Sequential(nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(5, 2), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
                         nn.AvgPool2d(3, 2), nn.Conv2d(64, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3), nn.ReLU(), nn.AvgPool2d(3, 2), nn.Flatten(),
                         nn.Linear(128, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 7), nn.Softmax(1))


class Faceres(nn.Module):
    """EfficientNet-like body (swish, squeeze and excite) with heads for gender, age (100 bins) and a description of length 1."""

    def __init__(self):
        super().__init__()
        layers, c = [Conv(3, 32, 3, 2, act=nn.SiLU)], 32
        for grow, out, n, kernel, stride in (1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2), (6, 112, 3, 5, 1), (6, 192, 2, 5, 2):
            for i in range(n):
                wide = c * grow
                body = nn.Sequential(Conv(c, wide, act=nn.SiLU), Conv(wide, wide, kernel, stride if i == 0 else 1, groups=wide, act=nn.SiLU),
                                     Excite(wide, max(1, c // 4), act=nn.SiLU), Conv(wide, out, act=None))
                layers.append(Residual(body) if i else body)
                c = out
        self.body = nn.Sequential(*layers, Conv(c, 1024, act=nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.gender, self.age, self.description = nn.Linear(1024, 1), nn.Linear(1024, 100), nn.Sequential(nn.Linear(1024, 256), L2())

    def forward(self, x):
        x = self.body(x)
        return torch.sigmoid(self.gender(x)), F.softmax(self.age(x), 1), self.description(x)


def gear():
    """MobileNetV3-like: hard swish and hard sigmoid spelled out, mish in the head; 198 px."""
    layers, c = [Conv(3, 16, 3, 2, act=SpelledHardSwish)], 16
    for grow, out, kernel, stride in (16, 16, 3, 2), (72, 24, 3, 2), (88, 24, 3, 1), (96, 40, 5, 2), (240, 40, 5, 1), (288, 96, 5, 2), (576, 96, 5, 1):
        body = nn.Sequential(Conv(c, grow, act=SpelledHardSwish), Conv(grow, grow, kernel, stride, groups=grow, act=SpelledHardSwish),
                             Excite(grow, 8 * (grow // 32) or 8, gate=SpelledHardSigmoid), Conv(grow, out, act=None))
        layers.append(Residual(body) if stride == 1 and c == out else body)
        c = out
    return nn.Sequential(*layers, Conv(96, 576, act=SpelledMish), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(576, 128), SpelledMish(),
                         nn.Linear(128, 5), nn.Softmax(1))


class Mesh(nn.Module):
    """FaceMesh (Kartynnik et al. 2019): depthwise blocks with PReLU, strided ones padded below and right; 192 px, 468 points of three numbers."""

    class Block(nn.Module):
        def __init__(self, c_in, c_out, stride, act):
            super().__init__()
            self.stride, self.more = stride, c_out - c_in
            self.body = nn.Sequential(nn.Conv2d(c_in, c_in, 3, stride, 0 if stride == 2 else 1, groups=c_in), nn.Conv2d(c_in, c_out, 1))
            self.act = nn.PReLU(c_out) if act is nn.PReLU else act()

        def forward(self, x):
            y = x
            if self.stride == 2:
                y = F.pad(x, (0, 1, 0, 1))
                x = F.max_pool2d(x, 2, 2)
            if self.more:
                x = F.pad(x, (0, 0, 0, 0, 0, self.more))
            return self.act(x + self.body(y))

    def __init__(self):
        super().__init__()
        layers, c = [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 16, 3, 2), nn.PReLU(16)], 16
        for out in 16, 32, 64, 128, 128, 128:
            layers += [self.Block(c, out, 1 if out == 16 else 2, nn.PReLU), self.Block(out, out, 1, nn.PReLU)]
            c = out
        self.body = nn.Sequential(*layers)
        self.points = nn.Sequential(nn.Conv2d(c, 32, 1), nn.PReLU(32), self.Block(32, 32, 1, nn.PReLU), nn.Conv2d(32, 1404, 3))
        self.score = nn.Sequential(nn.Conv2d(c, 1, 3))

    def forward(self, x):
        x = self.body(x)
        return torch.flatten(self.points(x), 1), torch.sigmoid(torch.flatten(self.score(x), 1))
