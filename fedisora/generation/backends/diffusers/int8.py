"""Weights in 8-bit integers with plain torch: one scale for each output of a layer, numbers are widened when they are used.

Symmetric rounding to -127 … 127 (as in LLM.int8(), https://arxiv.org/abs/2208.07339, §2.1, without its treatment of outliers:
only weights are rounded, activations stay as they are).
"""
from __future__ import annotations

from typing import Any

import torch


class Int8Linear(torch.nn.Module):  # type: ignore[misc]  # torch is optional, and Any to mypy
    """In place of `torch.nn.Linear`; half the memory of bfloat16."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        self.in_features, self.out_features = layer.in_features, layer.out_features
        # parameters, not buffers: sequential offloading moves parameters only
        self.weight = torch.nn.Parameter((weight / scale).round().to(torch.int8), requires_grad=False)
        self.scale = torch.nn.Parameter(scale.to(layer.weight.dtype), requires_grad=False)
        self.bias = layer.bias

    def forward(self, value: Any) -> Any:
        """`value @ weight.T + bias`, in the number format of `value`."""
        bias = None if self.bias is None else self.bias.to(value.dtype)
        return torch.nn.functional.linear(value, self.weight.to(value.dtype) * self.scale.to(value.dtype), bias)


def quantise(model: Any) -> int:
    """Replace the linear layers of a model's repeated blocks; how many. The rest is small and matters more."""
    count = 0
    for blocks in [child for child in model.modules() if isinstance(child, torch.nn.ModuleList)]:
        for module in list(blocks.modules()):
            for name, child in list(module.named_children()):
                if type(child) is torch.nn.Linear:
                    setattr(module, name, Int8Linear(child))
                    count += 1
    return count
