"""Detectors: the architectures of their papers, built for networks.py."""
import torch
from torch import nn
import torch.nn.functional as F
from networks_parts import Bottleneck, Conv, Residual


class BasicBlock(Residual):
    def __init__(self, c_in, c_out, stride):
        shortcut = None
        if stride != 1 or c_in != c_out:
            shortcut = nn.Sequential(nn.AvgPool2d(stride, stride, ceil_mode=True), Conv(c_in, c_out, act=None)) if stride > 1 else Conv(c_in, c_out, act=None)
        super().__init__(nn.Sequential(Conv(c_in, c_out, 3, stride), Conv(c_out, c_out, 3, act=None)), shortcut, nn.ReLU())


def rows(x, n):
    """A head's picture as rows of n numbers, one a place and anchor."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, n)


class Scrfd(nn.Module):
    """SCRFD (Guo et al. 2021), 10G: basic blocks with averaging shortcuts, path aggregation, one head a stride with two anchors."""

    def __init__(self, group_norm=False):
        super().__init__()
        layers, c = [Conv(3, 28, 3, 2), Conv(28, 28, 3), Conv(28, 56, 3), nn.MaxPool2d(2, 2)], 56
        self.stages = nn.ModuleList()
        for out, n in (56, 3), (88, 4), (88, 2), (224, 3):
            for i in range(n):
                layers.append(BasicBlock(c, out, 2 if i == 0 and out != 56 else 1))
                c = out
            self.stages.append(nn.Sequential(*layers))
            layers = []
        self.lateral = nn.ModuleList(nn.Conv2d(n, 56, 1) for n in (88, 88, 224))
        self.smooth = nn.ModuleList(nn.Conv2d(56, 56, 3, padding=1) for _ in range(3))
        self.down = nn.ModuleList(nn.Conv2d(56, 56, 3, 2, 1) for _ in range(2))
        self.again = nn.ModuleList(nn.Conv2d(56, 56, 3, padding=1) for _ in range(2))
        self.heads = nn.ModuleList()
        for _ in range(3):
            parts = []
            for i in range(3):
                parts += [nn.Conv2d(56 if i == 0 else 80, 80, 3, padding=1, bias=False), nn.GroupNorm(16, 80) if group_norm else nn.BatchNorm2d(80), nn.ReLU()]
            self.heads.append(nn.ModuleDict({"body": nn.Sequential(*parts), "score": nn.Conv2d(80, 2, 3, padding=1), "box": nn.Conv2d(80, 8, 3, padding=1),
                                             "points": nn.Conv2d(80, 20, 3, padding=1)}))

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        p = [l(m) for l, m in zip(self.lateral, maps[1:])]
        for i in (1, 0):
            p[i] = p[i] + F.interpolate(p[i + 1], size=p[i].shape[2:], mode="nearest")
        p = [s(m) for s, m in zip(self.smooth, p)]
        for i in (0, 1):
            p[i + 1] = p[i + 1] + self.down[i](p[i])
        p = [p[0]] + [a(m) for a, m in zip(self.again, p[1:])]
        out = [[], [], []]
        for head, m in zip(self.heads, p):
            y = head["body"](m)
            out[0].append(rows(head["score"](y), 1).sigmoid())
            out[1].append(rows(head["box"](y), 4))
            out[2].append(rows(head["points"](y), 10))
        return tuple(out[0] + out[1] + out[2])


class DeepBlock(Residual):
    def __init__(self, c_in, c, stride):
        shortcut = Conv(c_in, 4 * c, 1, stride, act=None) if stride != 1 or c_in != 4 * c else None
        super().__init__(nn.Sequential(Conv(c_in, c), Conv(c, c, 3, stride), Conv(c, 4 * c, act=None)), shortcut, nn.ReLU())


class Ssh(nn.Module):
    """Context module of SSH: 3x3, 5x5 and 7x7 fields by stacked 3x3, side by side."""

    def __init__(self, c):
        super().__init__()
        q = c // 4
        self.a, self.b = Conv(c, c // 2, 3, act=None), Conv(c, q, 3)
        self.b2, self.c, self.c2 = Conv(q, q, 3, act=None), Conv(q, q, 3), Conv(q, q, 3, act=None)

    def forward(self, x):
        b = self.b(x)
        return F.relu(torch.cat([self.a(x), self.b2(b), self.c2(self.c(b))], 1))


class Retina(nn.Module):
    """RetinaFace (Deng et al. 2019) on ResNet-50: pyramid of three levels, context modules, two anchors a place."""

    def __init__(self):
        super().__init__()
        layers, c = [Conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
        self.stages = nn.ModuleList()
        for out, n in (64, 3), (128, 4), (256, 6), (512, 3):
            for i in range(n):
                layers.append(DeepBlock(c, out, 2 if i == 0 and out != 64 else 1))
                c = 4 * out
            self.stages.append(nn.Sequential(*layers))
            layers = []
        self.lateral = nn.ModuleList(Conv(n, 256) for n in (512, 1024, 2048))
        self.merge = nn.ModuleList(Conv(256, 256, 3) for _ in range(2))
        self.ssh = nn.ModuleList(Ssh(256) for _ in range(3))
        self.heads = nn.ModuleList(nn.ModuleList(nn.Conv2d(256, 2 * n, 1) for n in (4, 2, 10)) for _ in range(3))

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        p = [l(m) for l, m in zip(self.lateral, maps[1:])]
        for i in (1, 0):
            p[i] = self.merge[i](p[i] + F.interpolate(p[i + 1], size=[p[i].size(2), p[i].size(3)], mode="nearest"))
        p = [s(m) for s, m in zip(self.ssh, p)]
        boxes, scores, points = (torch.cat([rows(h[k](m), n) for h, m in zip(self.heads, p)], 1) for k, n in enumerate((4, 2, 10)))
        return boxes, F.softmax(scores, -1), points


class Unit(nn.Sequential):
    """YuNet's unit: 1x1, then depthwise 3x3."""

    def __init__(self, c_in, c_out, act=True):
        super().__init__(nn.Conv2d(c_in, c_out, 1), nn.Conv2d(c_out, c_out, 3, padding=1, groups=c_out), *([nn.BatchNorm2d(c_out), nn.ReLU()] if act else []))


class Yunet(nn.Module):
    """YuNet (Wu et al. 2023): depthwise units, small pyramid, outputs by kind and stride."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 16, 3, 2), Unit(16, 16))
        self.stages = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2, 2), Unit(i, o), Unit(o, o)) for i, o in ((16, 64), (64, 64), (64, 64), (64, 64)))
        self.pyramid = nn.ModuleList(Unit(64, 64) for _ in range(3))
        self.heads = nn.ModuleList(nn.ModuleDict({"body": Unit(64, 64), **{k: Unit(64, n, False) for k, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))}})
                                   for _ in range(3))

    def forward(self, x):
        x = self.stages[0](self.stem(x))
        p = []
        for stage in self.stages[1:]:
            x = stage(x)
            p.append(x)
        for i in (2, 1, 0):
            p[i] = self.pyramid[i](p[i] + F.interpolate(p[i + 1], scale_factor=2.0, mode="nearest") if i < 2 else p[i])
        out = []
        for kind, n in ("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10):
            for head, m in zip(self.heads, p):
                y = rows(head[kind](head["body"](m)), n)
                out.append(y.sigmoid() if n == 1 else y)
        return tuple(out)


class Center(nn.Module):
    """CenterFace (Xu et al. 2019): MobileNetV2, deconvolved up to a quarter, four heads."""

    def __init__(self):
        super().__init__()
        layers, c = [Conv(3, 32, 3, 2, act=nn.ReLU6)], 32
        self.stages = nn.ModuleList()
        for out, n, stride, grow in (24, 2, 2, 2), (32, 3, 2, 6), (96, 4, 2, 6), (320, 3, 2, 6):
            for i in range(n):
                layers.append(Bottleneck(c, out, c * grow, stride if i == 0 else 1))
                c = out
            self.stages.append(nn.Sequential(*layers))
            layers = []
        self.lateral = nn.ModuleList(Conv(n, 24) for n in (24, 32, 96, 320))
        self.up = nn.ModuleList(nn.Sequential(nn.ConvTranspose2d(24, 24, 2, 2, bias=False, groups=g), nn.BatchNorm2d(24), nn.ReLU()) for g in (1, 24, 1))
        self.body = Conv(24, 24, 3)
        self.heads = nn.ModuleList(nn.Conv2d(24, n, 1) for n in (1, 2, 2, 10))

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        y = self.lateral[3](maps[3])
        for i in (2, 1, 0):
            y = self.lateral[i](maps[i]) + self.up[i](y)
        y = self.body(y)
        out = [h(y) for h in self.heads]
        return (torch.sigmoid(out[0]), *out[1:])


class Mtcnn(nn.Module):
    """MTCNN's three (Zhang et al. 2016). P-Net is a convolution alone and takes any size."""

    def __init__(self, kind):
        super().__init__()
        def conv(i, o, k): return [nn.Conv2d(i, o, k), nn.PReLU(o)]
        def pool(k): return [nn.MaxPool2d(k, 2, ceil_mode=True)]
        body = {"p": conv(3, 10, 3) + pool(2) + conv(10, 16, 3) + conv(16, 32, 3),
                "r": conv(3, 28, 3) + pool(3) + conv(28, 48, 3) + pool(3) + conv(48, 64, 2),
                "o": conv(3, 32, 3) + pool(3) + conv(32, 64, 3) + pool(3) + conv(64, 64, 3) + pool(2) + conv(64, 128, 2)}[kind]
        self.kind, self.body = kind, nn.Sequential(*body)
        if kind == "p":
            self.heads = nn.ModuleList(nn.Conv2d(32, n, 1) for n in (4, 2))
        else:
            flat, wide = {"r": (576, 128), "o": (1152, 256)}[kind]
            self.dense = nn.Sequential(nn.Linear(flat, wide), nn.PReLU())
            self.heads = nn.ModuleList(nn.Linear(wide, n) for n in ((4, 2) if kind == "r" else (4, 10, 2)))

    def forward(self, x):
        x = self.body(x)
        if self.kind != "p":
            x = self.dense(x.permute(0, 3, 2, 1).reshape(x.shape[0], -1))
        out = [h(x) for h in self.heads]
        return (*out[:-1], F.softmax(out[-1], 1))


class Blaze(nn.Module):
    """BlazeFace (Bazarevsky et al. 2019), front: blocks padded below and right where they stride, shortcuts padded in channels; 896 anchors."""

    class Block(nn.Module):
        def __init__(self, c_in, c_out, stride):
            super().__init__()
            self.stride, self.more = stride, c_out - c_in
            self.body = nn.Sequential(nn.Conv2d(c_in, c_in, 5, stride, 0 if stride == 2 else 2, groups=c_in), nn.Conv2d(c_in, c_out, 1))

        def forward(self, x):
            y = x
            if self.stride == 2:
                y, x = F.pad(x, (1, 2, 1, 2)), F.max_pool2d(x, 2, 2)
            if self.more:
                x = F.pad(x, (0, 0, 0, 0, 0, self.more))
            return F.relu(self.body(y) + x)

    def __init__(self):
        super().__init__()
        block = self.Block
        self.front = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(3, 24, 5, 2), nn.ReLU(), block(24, 24, 1), block(24, 28, 1), block(28, 32, 2),
                                   block(32, 36, 1), block(36, 42, 1), block(42, 48, 2), *(block(48 + 8 * i, 56 + 8 * i, 1) for i in range(5)))
        self.back = nn.Sequential(block(88, 96, 2), *(block(96, 96, 1) for _ in range(4)))
        self.heads = nn.ModuleList(nn.Conv2d(c, n, 1) for c, n in ((88, 2), (96, 6), (88, 32), (96, 96)))

    def forward(self, x):
        a = self.front(x)
        b = self.back(a)
        return (torch.cat([rows(self.heads[0](a), 1), rows(self.heads[1](b), 1)], 1), torch.cat([rows(self.heads[2](a), 16), rows(self.heads[3](b), 16)], 1))
