"""YOLO v8, v11 and v12 of size n, with five points a face: one class, boxes through a distribution over 16 distances (DFL)."""
import torch
from torch import nn
import torch.nn.functional as F
from networks_parts import Conv


class Neck(nn.Module):
    """Two 3x3 and a sum."""

    def __init__(self, c, add=True, wide=1.0):
        super().__init__()
        hidden = int(c * wide)
        self.body, self.add = nn.Sequential(Conv(c, hidden, 3, act=nn.SiLU), Conv(hidden, c, 3, act=nn.SiLU)), add

    def forward(self, x):
        return x + self.body(x) if self.add else self.body(x)


class C3k(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = c // 2
        self.a, self.b, self.out = Conv(c, h, act=nn.SiLU), Conv(c, h, act=nn.SiLU), Conv(2 * h, c, act=nn.SiLU)
        self.body = nn.Sequential(Neck(h), Neck(h))

    def forward(self, x):
        return self.out(torch.cat([self.body(self.a(x)), self.b(x)], 1))


class C2f(nn.Module):
    """Split, a chain of blocks, everything concatenated."""

    def __init__(self, c_in, c_out, n, add, part=0.5, block=None):
        super().__init__()
        self.c = int(c_out * part)
        self.first, self.last = Conv(c_in, 2 * self.c, act=nn.SiLU), Conv((2 + n) * self.c, c_out, act=nn.SiLU)
        self.chain = nn.ModuleList(block(self.c) if block else Neck(self.c, add) for _ in range(n))

    def forward(self, x):
        y = list(self.first(x).chunk(2, 1))
        for b in self.chain:
            y.append(b(y[-1]))
        return self.last(torch.cat(y, 1))


class Sppf(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.first, self.last = Conv(c, c // 2, act=nn.SiLU), Conv(2 * c, c, act=nn.SiLU)

    def forward(self, x):
        y = [self.first(x)]
        for _ in range(3):
            y.append(F.max_pool2d(y[-1], 5, 1, 2))
        return self.last(torch.cat(y, 1))


class Attention(nn.Module):
    """v11: positions attend to one another; keys are half as long as values."""

    def __init__(self, c, heads):
        super().__init__()
        self.heads, self.dim = heads, c // heads
        self.key = self.dim // 2
        self.qkv, self.out, self.place = Conv(c, c + 2 * self.key * heads, act=None), Conv(c, c, act=None), Conv(c, c, 3, groups=c, act=None)

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.qkv(x).view(b, self.heads, 2 * self.key + self.dim, h * w).split([self.key, self.key, self.dim], 2)
        a = ((q.transpose(-2, -1) @ k) * self.key**-0.5).softmax(-1)
        y = (v @ a.transpose(-2, -1)).view(b, c, h, w) + self.place(v.reshape(b, c, h, w))
        return self.out(y)


class C2psa(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c // 2
        self.first, self.last = Conv(c, c, act=nn.SiLU), Conv(c, c, act=nn.SiLU)
        self.attention = Attention(self.c, max(1, self.c // 64))
        self.feed = nn.Sequential(Conv(self.c, 2 * self.c, act=nn.SiLU), Conv(2 * self.c, self.c, act=None))

    def forward(self, x):
        a, b = self.first(x).split((self.c, self.c), 1)
        b = b + self.attention(b)
        return self.last(torch.cat((a, b + self.feed(b)), 1))


class Area(nn.Module):
    """v12: attention within `area` stripes of the picture."""

    def __init__(self, c, area):
        super().__init__()
        self.area, self.heads = area, max(1, c // 32)
        self.dim = c // self.heads
        self.qkv, self.out, self.place = Conv(c, 3 * c, act=None), Conv(c, c, act=None), Conv(c, c, 7, groups=c, act=None)
        self.feed = nn.Sequential(Conv(c, 2 * c, act=nn.SiLU), Conv(2 * c, c, act=None))

    def attend(self, x):
        b, c, h, w = x.shape
        n = h * w
        qkv = self.qkv(x).flatten(2).transpose(1, 2).reshape(b * self.area, n // self.area, 3 * c)
        q, k, v = qkv.view(b * self.area, n // self.area, self.heads, 3 * self.dim).permute(0, 2, 3, 1).split([self.dim] * 3, 2)
        y = v @ ((q.transpose(-2, -1) @ k) * self.dim**-0.5).softmax(-1).transpose(-2, -1)
        y, v = (t.permute(0, 3, 1, 2).reshape(b, n, c).reshape(b, h, w, c).permute(0, 3, 1, 2).contiguous() for t in (y, v))
        return self.out(y + self.place(v))

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.feed(x)


class A2c2f(nn.Module):
    def __init__(self, c_in, c_out, n, area):
        super().__init__()
        h = c_out // 2
        self.first, self.last = Conv(c_in, h, act=nn.SiLU), Conv((1 + n) * h, c_out, act=nn.SiLU)
        self.chain = nn.ModuleList(nn.Sequential(Area(h, area), Area(h, area)) if area else C3k(h) for _ in range(n))

    def forward(self, x):
        y = [self.first(x)]
        for b in self.chain:
            y.append(b(y[-1]))
        return self.last(torch.cat(y, 1))


class Yolo(nn.Module):
    def __init__(self, version):
        super().__init__()
        v8, v12 = version == 8, version == 12
        def stage(i, o, n, add, part=0.5, deep=False): return C2f(i, o, n, add, part, C3k if deep and not v8 else None)
        wide = 128 if not v8 else 64
        down = lambda i, o: Conv(i, o, 3, 2, act=nn.SiLU)
        self.low = nn.Sequential(Conv(3, 16, 3, 2, act=nn.SiLU), down(16, 32), stage(32, 32 if v8 else 64, 1, True, 0.5 if v8 else 0.25),
                                 down(32 if v8 else 64, 64), stage(64, wide, 2 if v8 else 1, True, 0.5 if v8 else 0.25))
        self.mid = nn.Sequential(down(wide, 128), A2c2f(128, 128, 2, 4) if v12 else stage(128, 128, 2 if v8 else 1, True, deep=True))
        self.high = nn.Sequential(down(128, 256), *([A2c2f(256, 256, 2, 1)] if v12 else [stage(256, 256, 1, True, deep=True), Sppf(256)]),
                                  *([C2psa(256)] if version == 11 else []))
        near = lambda i, o: A2c2f(i, o, 1, 0) if v12 else stage(i, o, 1, False)
        self.up1, self.up2 = near(384, 128), near(128 + wide, 64)
        self.down1, self.join1 = down(64, 64), near(192, 128)
        self.down2, self.join2 = down(128, 128), stage(384, 256, 1, False, deep=True)
        self.heads = nn.ModuleList()
        for c in 64, 128, 256:
            def head(n, h): return nn.Sequential(Conv(c, h, 3, act=nn.SiLU), Conv(h, h, 3, act=nn.SiLU), nn.Conv2d(h, n, 1))
            light = nn.Sequential(Conv(c, c, 3, groups=c, act=nn.SiLU), Conv(c, 64, act=nn.SiLU), Conv(64, 64, 3, groups=64, act=nn.SiLU),
                                  Conv(64, 64, act=nn.SiLU), nn.Conv2d(64, 1, 1))
            self.heads.append(nn.ModuleList([head(64, 64), head(1, 64) if v8 else light, head(15, 16)]))
        self.dfl = nn.Conv2d(16, 1, 1, bias=False)
        self.settled = False

    def boxes(self, y, places, strides):
        b, _, a = y.shape
        near, far = self.dfl(y.view(b, 4, 16, a).transpose(2, 1).softmax(1)).view(b, 4, a).chunk(2, 1)
        low, high = places - near, places + far
        return torch.cat(((low + high) / 2, high - low), 1) * strides

    def forward(self, x):
        low = self.low(x)
        mid = self.mid(low)
        high = self.high(mid)
        mid = self.up1(torch.cat([F.interpolate(high, scale_factor=2.0), mid], 1))
        low = self.up2(torch.cat([F.interpolate(mid, scale_factor=2.0), low], 1))
        mid = self.join1(torch.cat([self.down1(low), mid], 1))
        high = self.join2(torch.cat([self.down2(mid), high], 1))
        b = x.shape[0]
        whole, kps, places, strides = [], [], [], []
        for (box, score, points), m, stride in zip(self.heads, (low, mid, high), (8, 16, 32)):
            h, w = m.shape[2:]
            whole.append(torch.cat((box(m), score(m)), 1).view(b, 65, -1))
            kps.append(points(m).view(b, 15, -1))
            gy, gx = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            places.append(torch.stack((gx.reshape(-1), gy.reshape(-1))))
            strides.append(torch.full((1, h * w), float(stride)))
        places, strides = torch.cat(places, 1), torch.cat(strides, 1)
        box, score = torch.cat(whole, 2).split((64, 1), 1)
        k = torch.cat(kps, 2).view(b, 5, 3, -1)
        xy = (k[:, :, :2] * 2.0 + (places - 0.5)) * strides
        points = torch.cat((xy, k[:, :, 2:].sigmoid()), 2).view(b, 15, -1)
        return torch.cat((self.boxes(box, places, strides), score.sigmoid(), points), 1)
