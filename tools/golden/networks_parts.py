"""Parts that the networks of networks.py are built of, as PyTorch modules."""
import torch
from torch import nn
import torch.nn.functional as F


class Conv(nn.Sequential):
    """Convolution, batch norm, activation; `act` is a module, or None."""

    def __init__(self, c_in, c_out, kernel=1, stride=1, pad=None, groups=1, act=nn.ReLU, bias=False):
        parts = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2 if pad is None else pad, groups=groups, bias=bias), nn.BatchNorm2d(c_out)]
        if act is not None:
            parts.append(nn.PReLU(c_out) if act is nn.PReLU else act())
        super().__init__(*parts)


class Residual(nn.Module):
    """x + body(x), or shortcut(x) + body(x)."""

    def __init__(self, body, shortcut=None, act=None):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), act or nn.Identity()

    def forward(self, x):
        return self.act(self.body(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """Linear bottleneck of MobileNetV2 / MobileFaceNet: 1x1 up, depthwise 3x3, 1x1 down without activation."""

    def __init__(self, c_in, c_out, grow, stride, act=nn.ReLU6):
        super().__init__()
        self.adds = stride == 1 and c_in == c_out
        self.body = nn.Sequential(Conv(c_in, grow, act=act), Conv(grow, grow, 3, stride, groups=grow, act=act), Conv(grow, c_out, act=None))

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class Excite(nn.Module):
    """Squeeze and excite: each channel times a number that the whole picture gives."""

    def __init__(self, c, less, gate=nn.Sigmoid, act=nn.ReLU):
        super().__init__()
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, less, 1), act(), nn.Conv2d(less, c, 1), gate())

    def forward(self, x):
        return x * self.gate(x)


class SpelledHardSwish(nn.Module):
    """x * clip(x + 3, 0, 6) / 6, operator by operator, as exporters wrote it before HardSwish was one."""

    def forward(self, x):
        return x * torch.clamp(x + 3, 0, 6) / 6


class SpelledHardSigmoid(nn.Module):
    def forward(self, x):
        return torch.clamp(x + 3, 0, 6) / 6


class SpelledMish(nn.Module):
    def forward(self, x):
        return x * torch.tanh(F.softplus(x))


class L2(nn.Module):
    """Rows of length 1; F.normalize becomes ReduceL2, Clip, Expand, Div."""

    def forward(self, x):
        return F.normalize(x, dim=1)


class PixelScale(nn.Module):
    """Channels-last bytes to channels-first numbers around 0, inside the graph."""

    def __init__(self, body, mean=127.5, scale=0.0078125):
        super().__init__()
        self.body, self.mean, self.scale = body, mean, scale

    def forward(self, x):
        return self.body((x - self.mean) * self.scale)


def unit_spread(layer, _, out):
    """A forward hook: the layer's weights are scaled so that what it makes has a spread of 1."""
    spread = out.std()
    layer.weight.data /= spread
    if layer.bias is not None:
        layer.bias.data /= spread
    return out / spread


def settle(model, example, seed):
    """Seeded weights, and batch norms whose statistics are those of a run: every layer's numbers keep a size near 1."""
    torch.manual_seed(seed)
    hooks = []
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.normal_(m.bias, 0, 0.1)
            hooks.append(m.register_forward_hook(unit_spread))
        elif isinstance(m, nn.PReLU):
            nn.init.uniform_(m.weight, 0.1, 0.4)
        elif isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.momentum = None
            nn.init.uniform_(m.weight, 0.7, 1.3)
            nn.init.normal_(m.bias, 0, 0.2)
    model.train()
    with torch.no_grad():
        model(torch.cat([example, torch.roll(example, 7, -1) * 0.7, example.max() + example.min() - example, example.flip(-2)]))
    for hook in hooks:
        hook.remove()
    return model.eval()
