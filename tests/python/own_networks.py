"""Networks and losses as data scientists write or import them, small: what capture has to cope with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


def torchvision_models():
    """torchvision.models, also where torchvision's compiled half does not fit this torch: the networks do not need it."""
    try:
        import torchvision.models
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torchvision_models.library = library  # it defines as long as it lives
        import torchvision.models
    return torchvision.models


class Mlp(nn.Module):
    """Three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Lstm(nn.Module):
    """Tokens through an embedding and a two-layer LSTM; the last step decides."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.rnn = nn.LSTM(16, 24, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(self.embed(x))[0][:, -1])


class Gru(nn.Module):
    """A bidirectional GRU, averaged over time."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(8, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0].mean(1))


class TiedTransformer(nn.Module):
    """Embedding and head share one matrix; a constant tensor; a region without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16)
        self.head = nn.Linear(16, 40, bias=False)
        self.head.weight = self.embed.weight
        self.scale = torch.tensor([0.5, 2.0] * 8)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.embed(x) * self.scale
        with torch.no_grad():
            mean = h.mean(-1, keepdim=True)
        return self.head(self.encoder(h - mean)).mean(1)


@dataclass(frozen=True)
class Case:
    """A network, a batch of two for it, and another shape it should take."""

    name: str
    make: Callable[[], nn.Module]
    example: tuple[int, ...]
    other: tuple[int, ...]
    tokens: int = 0  # inputs are numbers below it

    def inputs(self, shape: tuple[int, ...] | None = None) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        shape = shape or self.example
        if self.tokens:
            return torch.randint(0, self.tokens, shape, generator=generator)
        return torch.randn(shape, generator=generator)


def cases() -> Iterator[Case]:
    """The networks, quick ones first."""
    import monai.networks.nets as mn

    tv = torchvision_models()
    volume, larger = (2, 4, 32, 32, 32), (1, 4, 48, 32, 40)
    image = (2, 3, 64, 64)
    yield Case("mlp", Mlp, (2, 32), (5, 32))
    yield Case("lstm", Lstm, (2, 7), (5, 7), tokens=50)
    yield Case("gru", Gru, (2, 7, 8), (5, 7, 8))
    yield Case("tied_transformer", TiedTransformer, (2, 7), (5, 9), tokens=40)
    yield Case("segresnet", lambda: mn.SegResNet(3, 8, 4, 3), volume, larger)
    yield Case(
        "segresnet_dropout",
        lambda: mn.SegResNet(3, 8, 4, 3, dropout_prob=0.2, blocks_down=(1, 1), blocks_up=(1,)),
        (2, 4, 16, 16, 16),
        (1, 4, 24, 16, 20),
    )
    yield Case(
        "unet3d",
        lambda: mn.UNet(3, 4, 3, (8, 16, 32, 64), (2, 2, 2), num_res_units=2, norm="INSTANCE"),
        volume,
        larger,
    )
    yield Case(
        "unet2d_batchnorm",
        lambda: mn.UNet(2, 1, 2, (8, 16, 32), (2, 2), norm="BATCH", dropout=0.1),
        (2, 1, 32, 32),
        (3, 1, 64, 32),
    )
    yield Case(
        "basicunet",
        lambda: mn.BasicUNet(3, 4, 3, features=(8, 8, 16, 32, 64, 8)),
        volume,
        (1, 4, 48, 32, 48),
    )
    group = ("group", {"num_groups": 4, "affine": True})
    yield Case(
        "dynunet_group",
        lambda: mn.DynUNet(
            3,
            4,
            3,
            [3] * 3,
            [1, 2, 2],
            [2, 2],
            filters=[8, 16, 32],
            res_block=True,
            norm_name=group,
        ),
        volume,
        larger,
    )
    yield Case(
        "dynunet_deep_supervision",
        lambda: mn.DynUNet(
            3,
            4,
            3,
            [3] * 4,
            [1, 2, 2, 2],
            [2] * 3,
            filters=[8, 16, 32, 32],
            deep_supervision=True,
            deep_supr_num=1,
        ),
        volume,
        larger,
    )
    yield Case("vnet", lambda: mn.VNet(3, 4, 3), volume, (1, 4, 32, 32, 32))
    yield Case(
        "unetr",
        lambda: mn.UNETR(
            4, 3, (32, 32, 32), feature_size=8, hidden_size=48, mlp_dim=96, num_heads=4
        ),
        volume,
        (1, 4, 32, 32, 32),
    )
    yield Case(
        "attentionunet",
        lambda: mn.AttentionUnet(3, 4, 3, (8, 16, 32), (2, 2)),
        (2, 4, 16, 16, 16),
        (1, 4, 32, 16, 16),
    )
    yield Case(
        "resnet10_3d",
        lambda: mn.resnet10(spatial_dims=3, n_input_channels=1, num_classes=2),
        (2, 1, 32, 32, 32),
        (1, 1, 48, 32, 32),
    )
    yield Case("resnet18", lambda: tv.resnet18(num_classes=10), image, (3, 3, 96, 64))
    yield Case(
        "resnet18_groupnorm",
        lambda: tv.resnet18(num_classes=10, norm_layer=lambda c: nn.GroupNorm(32, c)),
        image,
        (3, 3, 96, 64),
    )
    yield Case(
        "vit",
        lambda: tv.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10, dropout=0.1),
        (2, 3, 32, 32),
        (5, 3, 32, 32),
    )
    yield Case(
        "monai_vit",
        lambda: mn.ViT(
            1,
            (32, 32, 32),
            (16, 16, 16),
            hidden_size=48,
            mlp_dim=96,
            num_layers=2,
            num_heads=4,
            classification=True,
            num_classes=3,
        ),
        (2, 1, 32, 32, 32),
        (3, 1, 32, 32, 32),
    )
    yield Case("mobilenet_v3", lambda: tv.mobilenet_v3_small(num_classes=4), image, (3, 3, 96, 64))
    yield Case("convnext", lambda: tv.convnext_tiny(num_classes=4), image, (3, 3, 96, 64))
    yield Case("efficientnet", lambda: tv.efficientnet_b0(num_classes=10), image, (3, 3, 96, 64))
    yield Case(
        "monai_efficientnet",
        lambda: mn.EfficientNetBN(
            "efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=1, num_classes=2
        ),
        (2, 1, 64, 64),
        (3, 1, 64, 64),
    )
    yield Case(
        "densenet121",
        lambda: mn.DenseNet121(spatial_dims=2, in_channels=1, out_channels=4),
        (2, 1, 64, 64),
        (3, 1, 96, 64),
    )
    yield Case("tv_densenet121", lambda: tv.densenet121(num_classes=4), image, (3, 3, 96, 64))
    yield Case("swin_t", lambda: tv.swin_t(num_classes=4), image, (3, 3, 64, 64))
    yield Case(
        "swinunetr",
        lambda: mn.SwinUNETR(in_channels=4, out_channels=3, feature_size=12, spatial_dims=3),
        (2, 4, 64, 64, 64),
        (1, 4, 64, 64, 64),
    )


class PerSample(nn.Module):
    """Cross entropy, one number a sample."""

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs, targets, reduction="none").flatten(1).mean(1)


def losses() -> Iterator[tuple[str, Callable, torch.Tensor, torch.Tensor]]:
    """Name, loss, outputs and targets of a batch of two."""
    from monai.losses import (
        DiceCELoss,
        DiceFocalLoss,
        DiceLoss,
        FocalLoss,
        GeneralizedDiceLoss,
        TverskyLoss,
    )

    generator = torch.Generator().manual_seed(3)
    o = torch.randn(2, 3, 8, 8, 8, generator=generator)
    y = (torch.rand(2, 3, 8, 8, 8, generator=generator) > 0.5).float()
    labels = torch.randint(0, 3, (2, 1, 8, 8, 8), generator=generator)
    scores = torch.randn(2, 3, generator=generator)
    classes = torch.randint(0, 3, (2,), generator=generator)
    yield "dice_sigmoid", DiceLoss(sigmoid=True), o, y
    yield "dice_softmax_onehot", DiceLoss(softmax=True, to_onehot_y=True), o, labels
    yield "dice_ce", DiceCELoss(softmax=True, to_onehot_y=True), o, labels
    yield "dice_ce_sigmoid", DiceCELoss(sigmoid=True), o, y
    yield "focal", FocalLoss(), o, y
    yield "dice_focal", DiceFocalLoss(sigmoid=True), o, y
    yield "generalized_dice", GeneralizedDiceLoss(sigmoid=True), o, y
    yield "tversky", TverskyLoss(sigmoid=True), o, y
    yield "cross_entropy_per_sample", PerSample(), o[..., 0], labels[:, 0, :, :, 0]
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1)
    yield "cross_entropy_weighted", weighted, scores, classes
    yield (
        "a_function",
        lambda a, b: F.cross_entropy(a, b) + 0.01 * a.square().mean(),
        scores,
        classes,
    )
    yield (
        "dice_per_sample",
        lambda a, b: DiceLoss(sigmoid=True, reduction="none")(a, b).flatten(1).mean(1),
        o,
        y,
    )
