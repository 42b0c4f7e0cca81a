"""The heads of SSD: small convolutions, one for each map."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.rpn_head import flatten_map


class SSDHead(nn.Module):
    """A 3x3 convolution a map gives K logits and four deltas for each default box.

    Args:
        channels: of each map.
        num_boxes: default boxes of a cell, for each map.
        num_classes: K, with the background, which is class 0.
    """

    def __init__(
        self, channels: Sequence[int], num_boxes: Sequence[int], *, num_classes: int
    ) -> None:
        """Weights start as torchvision's: Xavier's, without biases."""
        super().__init__()
        self.num_boxes, self.num_classes = tuple(num_boxes), num_classes
        layers = [
            nn.Conv2d(width, count * (num_classes + 4), 3, padding=1)
            for width, count in zip(channels, num_boxes, strict=True)
        ]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.convolutions = nn.ModuleList(layers)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """A (B, C, H, W) each -> (B, A, K) logits and (B, A, 4) deltas of all boxes."""
        answers = [
            flatten_map(convolution(x), count)
            for convolution, count, x in zip(
                self.convolutions, self.num_boxes, maps, strict=True
            )
        ]
        all_answers = torch.cat(answers, dim=1)  # (B, A, K + 4)
        return all_answers[..., :-4], all_answers[..., -4:]
