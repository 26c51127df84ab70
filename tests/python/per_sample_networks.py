"""Small networks of every family that per-sample gradients are tried on: a network, a batch, one loss per sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def per_sample_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over classes in axis 1, averaged over positions within a sample."""
    return F.cross_entropy(outputs, targets, reduction="none").flatten(1).mean(1)


def entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none")


@dataclass
class Case:
    make: Callable[[], nn.Module]
    inputs: Callable[[], Tensor]
    targets: Callable[[], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor] = entropy
    evaluation: bool = False

    def build(self, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor, Tensor]:
        torch.manual_seed(3)
        network = self.make().to(dtype).train(not self.evaluation)
        inputs = self.inputs()
        return network, inputs.to(dtype) if inputs.is_floating_point() else inputs, self.targets()


def images(count: int, *shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(count, *shape)


def labels(most: int, *shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randint(most, shape)


def seg_resnet() -> nn.Module:
    from monai.networks.nets import SegResNet

    return SegResNet(
        spatial_dims=3,
        init_filters=8,
        in_channels=2,
        out_channels=3,
        blocks_down=(1, 1),
        blocks_up=(1,),
    )


class ResidualBlock(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, groups: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(groups, outer) for _ in range(2))
        self.skip = nn.Conv2d(inner, outer, 1, stride, bias=False) if stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(y + self.skip(x))


def resnet18_group_norm(width: int = 8, groups: int = 4) -> nn.Module:
    blocks: list[nn.Module] = []
    inner = width
    for level in range(4):
        for stride in (1 if level == 0 else 2, 1):
            blocks.append(ResidualBlock(inner, width << level, stride, groups))
            inner = width << level
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.GroupNorm(groups, width), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, 10),
    )  # fmt: skip


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.queries, self.out, self.heads = (
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
            heads,
        )

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, width = x.shape
        q, k, v = self.queries(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(count, tokens, width))


class VisionTransformer(nn.Module):
    """Patches, class token, positions, layer scale."""

    def __init__(self, width: int = 16, depth: int = 2, patches: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, patches + 1, width))
        self.scales = nn.ParameterList(nn.Parameter(torch.rand(width)) for _ in range(depth))
        self.attentions = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.perceptrons = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        for i, scale in enumerate(self.scales):
            x = x + scale * self.attentions[i](self.norms[2 * i](x))
            x = x + self.perceptrons[i](self.norms[2 * i + 1](x))
        return self.head(x[:, 0])


class Encoder(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head, self.batch_first = nn.Linear(8, 5), batch_first

    def forward(self, x: Tensor) -> Tensor:
        y = self.encoder(x if self.batch_first else x.transpose(0, 1))
        return self.head(y.mean(1 if self.batch_first else 0))


class CrossAttention(nn.Module):
    """Queries and keys from different places: the packed projection is split."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.queries, self.head = nn.Parameter(torch.randn(1, 3, 8)), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.attention(self.queries.expand(len(x), -1, -1), x, x)
        return self.head(y.mean(1))


class LanguageModel(nn.Module):
    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.embedding, self.attention = nn.Embedding(12, 8, padding_idx=3), Attention(8, 2)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 12, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.attention(self.embedding(x)))).transpose(1, 2)


class TiedConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.head = (
            nn.Conv2d(3, 4, 3),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Linear(4, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.again(F.relu(self.again(F.relu(x)))).mean((2, 3)))


class TiedActivation(nn.Module):
    """One PReLU twice, the second above the first: an operation without a formula that meets itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)])
        self.activation = nn.PReLU(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2](self.activation(self.layers[1](self.activation(self.layers[0](x)))))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv3d(2, 4, 3, padding=1), nn.InstanceNorm3d(4, affine=True), nn.LeakyReLU(0.1)
        )
        self.middle = nn.Sequential(nn.Conv3d(4, 6, 3, 2, 1), nn.InstanceNorm3d(6), nn.ReLU())
        self.up, self.out = nn.ConvTranspose3d(6, 4, 2, 2), nn.Conv3d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.out(torch.cat([x, self.up(self.middle(x))], 1))


class Signals(nn.Module):
    """Grouped, dilated, reflected and transposed convolutions over time, and RMSNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(
            4, 8, 3, dilation=2, groups=2, padding="same", padding_mode="reflect"
        )
        self.up = nn.ConvTranspose1d(8, 6, 4, 2, 1, groups=2)
        self.norm, self.head = nn.RMSNorm(24), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.up(F.relu(self.first(x)))).relu().pow(3).mean(2))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], **options: bool) -> None:
        super().__init__()
        self.batch_first = options.get("batch_first", False)
        self.cells = kind(4, 5, **options)
        self.head = nn.Linear(10 if options.get("bidirectional") else 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.cells(x if self.batch_first else x.transpose(0, 1))[0]
        return self.head(y[:, -1] if self.batch_first else y[-1])


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.Bilinear(5, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.pairs(x, x.cos())


class Bags(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bags, self.head = nn.EmbeddingBag(20, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.bags(x))


class Formulas(nn.Module):
    """Parameters in products of every form: einsum, matrices from the left, stacks, shifts, a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(7, 5))
        self.stack, self.shift = nn.Parameter(torch.randn(2, 5, 3)), nn.Parameter(torch.randn(5))
        self.scale, self.temperature = (
            nn.Parameter(torch.randn(6, 1)),
            nn.Parameter(torch.tensor(0.7)),
        )

    def forward(self, x: Tensor) -> Tensor:  # [samples, 4, 5]
        x = torch.einsum("oi,bij->boj", self.a, x) * (1 + self.scale)
        x = (self.b @ x.tanh().flatten(0, 1).T).T.view(len(x), 6, 7)
        x = x[:, :, :5] - self.shift
        x = torch.matmul(x.view(len(x), 2, 3, 5).cos(), self.stack)
        return x.mean((1, 2)) / self.temperature


def only(network: nn.Module, keep: Callable[[str], bool]) -> nn.Module:
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(keep(name))
    return network


def small_convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3))


def batch_norm() -> nn.Module:
    norm = nn.BatchNorm2d(4)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3))


def weight_norm() -> nn.Module:
    normed = nn.utils.parametrizations.weight_norm
    return nn.Sequential(
        normed(nn.Conv2d(3, 4, 3)), nn.ReLU(), nn.Flatten(), normed(nn.Linear(4 * 16, 3))
    )


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


_small = {"inputs": images(4, 3, 6, 6), "targets": labels(3, 4)}
_text = {"inputs": labels(12, 4, 7), "targets": labels(12, 4, 7), "loss": per_sample_entropy}
_times = {"inputs": images(4, 6, 4), "targets": labels(3, 4)}

CASES: dict[str, Case] = {
    "seg_resnet": Case(seg_resnet, images(3, 2, 8, 8, 8), labels(3, 3, 8, 8, 8), per_sample_entropy),
    "resnet18_group_norm": Case(resnet18_group_norm, images(3, 3, 24, 24), labels(10, 3)),
    "perceptron": Case(perceptron, images(5, 6), labels(3, 5)),
    "vision_transformer": Case(VisionTransformer, images(3, 3, 16, 16), labels(10, 3)),
    "encoder_batch_first": Case(lambda: Encoder(True), images(4, 6, 8), labels(5, 4)),
    "encoder_tokens_first": Case(lambda: Encoder(False), images(4, 6, 8), labels(5, 4)),
    "cross_attention": Case(CrossAttention, images(4, 6, 8), labels(4, 4)),
    "tied_language_model": Case(lambda: LanguageModel(True), **_text),
    "language_model": Case(lambda: LanguageModel(False), **_text),
    "tied_convolution": Case(TiedConvolution, images(4, 3, 7, 7), labels(4, 4)),
    "tied_prelu": Case(TiedActivation, images(4, 6), labels(3, 4)),
    "instance_norm_unet": Case(UNet, images(3, 2, 8, 8, 8), labels(2, 3, 8, 8, 8), per_sample_entropy),
    "signals": Case(Signals, images(4, 4, 12), labels(3, 4)),
    "lstm": Case(lambda: Recurrent(nn.LSTM, batch_first=True), **_times),
    "lstm_tokens_first": Case(lambda: Recurrent(nn.LSTM, bidirectional=True), **_times),
    "gru": Case(lambda: Recurrent(nn.GRU, batch_first=True), **_times),
    "rnn": Case(lambda: Recurrent(nn.RNN), **_times),
    "prelu": Case(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.Flatten(), nn.Linear(4 * 16, 3)), **_small
    ),
    "weight_norm": Case(weight_norm, **_small),
    "bilinear": Case(Twice, images(4, 5), labels(3, 4)),
    "embedding_bag": Case(Bags, labels(20, 4, 6), labels(3, 4)),
    "formulas": Case(Formulas, images(4, 4, 5), labels(3, 4)),
    "batch_norm_in_evaluation": Case(batch_norm, **_small, evaluation=True),
    "bias_only": Case(lambda: only(small_convolutions(), lambda name: name.endswith("bias")), **_small),
    "frozen_body": Case(lambda: only(small_convolutions(), lambda name: name.startswith("3")), **_small),
    "one_sample": Case(perceptron, images(1, 6), labels(3, 1)),
}  # fmt: skip
