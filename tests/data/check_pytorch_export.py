"""Checks weights that mbn exports for torchvision or timm: they load strictly, and the logits agree.

usage: check_pytorch_export.py FOLDER...

A folder holds `weights.safetensors`, a state dict, and `compare.safetensors`: images [n, h, w, c], mbn's logits
[n, classes], and under `call` in the metadata the Python call that builds the network.
Needs torch, torchvision, timm and safetensors.
"""

import sys
from pathlib import Path

import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file

TOLERANCE = 1e-4


def check(folder):
    with safe_open(folder / "compare.safetensors", framework="pt") as file:
        call = file.metadata()["call"]
        images, expected = file.get_tensor("images"), file.get_tensor("logits")
    model = eval(call, {"torchvision": torchvision, "timm": timm})  # a call that mbn wrote
    model.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
    with torch.no_grad():
        logits = model.eval()(images.permute(0, 3, 1, 2))
    difference = ((logits - expected).abs().max() / expected.abs().max()).item()
    spread = (expected.std(0).mean() / expected.abs().max()).item()
    print(f"{folder}: {call}: largest difference {difference:.1e} of the largest logit, spread {spread:.1e}")
    return difference <= TOLERANCE


def main(folders):
    torch.set_num_threads(1)
    return all([check(Path(folder)) for folder in folders])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1:]) else 1)
