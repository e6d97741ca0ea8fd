"""Checks what mbn-export writes for torchvision, timm and PyTorch: it loads strictly, and computes what the ONNX file does.

usage: check_with_pytorch.py WEIGHTS ONNX CALL
       check_with_pytorch.py WEIGHTS ONNX MODULE.py

WEIGHTS and ONNX are of the same network; CALL builds it in Python, as mbn-export prints it.
Needs torch, torchvision, timm, safetensors and onnxruntime.
"""

import importlib.util
import sys

import onnxruntime
import timm
import torch
import torchvision
from safetensors.torch import load_file

TOLERANCE = 1e-4


def build(how):
    """The network by a call, or by a module's file."""
    if not how.endswith(".py"):
        return eval(how, {"torchvision": torchvision, "timm": timm})  # a call that mbn wrote
    spec = importlib.util.spec_from_file_location("network", how)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Network()


def main(weights, onnx, how):
    """Whether both give the same logits."""
    torch.set_num_threads(1)
    model = build(how)
    model.load_state_dict(load_file(weights), strict=True)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    _, channels, height, width = session.get_inputs()[0].shape
    images = torch.randn(4, channels, height, width, generator=torch.Generator().manual_seed(0))
    (expected,) = session.run(None, {"image": images.numpy()})
    with torch.no_grad():
        logits = model.eval()(images)
    expected = torch.from_numpy(expected)
    difference = ((logits - expected).abs().max() / expected.abs().max()).item()
    spread = (expected.std(0).mean() / expected.abs().max()).item()
    print(f"{how}: largest difference {difference:.1e} of the largest logit, spread over images {spread:.1e}")
    return difference <= TOLERANCE


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(0 if main(*sys.argv[1:]) else 1)
