"""Golden logits of torchvision's and timm's own models, with weights of the formula under their names."""

import math

import numpy as np
import timm
import torch
import torchvision
from torch import nn

import formula

CLASSES = 10
BATCH = 8
SIDE = 64
COUNT = "num_batches_tracked"

SALT_IMAGES = 10_000
SALT_TENSORS = 20_000

# Calls, mbn's network, and the rate of a step of SGD; none where only evaluation is compared.
CASES = [
    ("torchvision.models.mobilenet_v2(num_classes=10, dropout=0)", "mobilenet_v2", 1e-3),
    ("torchvision.models.mobilenet_v3_small(num_classes=10, dropout=0)", "mobilenet_v3_small", 1e-3),
    ("torchvision.models.mobilenet_v3_large(num_classes=10, dropout=0)", "mobilenet_v3_large", 1e-3),
    ('timm.create_model("mobilenetv1_100", num_classes=10)', "mobilenet_v1", None),
    ('timm.create_model("mobilenetv2_100", num_classes=10)', "mobilenet_v2", None),
    ('timm.create_model("mobilenetv3_large_100", num_classes=10)', "mobilenet_v3_large", None),
    ('timm.create_model("tf_mobilenetv3_small_100", num_classes=10)', "mobilenet_v3_small", None),
]

# A quarter of the tolerance of tests/pytorch_imports.rs.
LIMIT = 2.5e-5


def values(name, shape, salt):
    """Weights at a scale that keeps that of activations; nothing at zero or one, so that no mistake hides."""
    if len(shape) > 1:
        return formula.tensor(shape, salt, math.sqrt(4.0 / math.prod(shape[1:])))
    if name.endswith("running_var"):
        return 1.0 + 0.5 * formula.tensor(shape, salt)
    if name.endswith("running_mean"):
        return 0.25 * formula.tensor(shape, salt)
    if name.endswith("bias"):
        # Most values lie away from the kinks of activations, where roundings would turn gradients.
        return 1.0 + 0.25 * formula.tensor(shape, salt)
    return 1.0 + 0.25 * formula.tensor(shape, salt)


def build(call):
    """The model of a call; tensors are numbered in the order of their names."""
    model = eval(call, {"torchvision": torchvision, "timm": timm})  # calls of the list above only
    state = model.state_dict()
    names = sorted(name for name in state if not name.endswith(COUNT))
    filled = {name: values(name, state[name].shape, SALT_TENSORS + index) for index, name in enumerate(names)}
    missing, surplus = model.load_state_dict(filled, strict=False)
    assert not surplus and all(name.endswith(COUNT) for name in missing), (missing, surplus)
    return model


def images(index):
    """Images, NCHW; the values are those of NHWC."""
    return formula.tensor((BATCH, SIDE, SIDE, 3), SALT_IMAGES + index).permute(0, 3, 1, 2).contiguous()


def logits(call, rate, dtype):
    """Logits in evaluation mode, and after a step with batch statistics on other images."""
    model = build(call).to(dtype)
    with torch.no_grad():
        before = model.eval()(images(0).to(dtype))
    if rate is None:
        return [before.double().flatten().numpy()]
    labels = torch.arange(BATCH) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    nn.functional.cross_entropy(model.train()(images(1).to(dtype)), labels).backward()
    optimizer.step()
    with torch.no_grad():
        after = model.eval()(images(0).to(dtype))
    return [out.double().flatten().numpy() for out in (before, after)]


def golden(call, network, rate):
    exact, single = logits(call, rate, torch.float64), logits(call, rate, torch.float32)
    strays = [float(np.max(np.abs(b - a)) / np.max(np.abs(a))) for a, b in zip(exact, single)]
    spreads = [float(f"{np.std(out.reshape(BATCH, CLASSES), axis=0).mean():.3g}") for out in exact]
    print(call, "spread over images", spreads, "float32 against float64", [f"{stray:.1e}" for stray in strays], flush=True)
    if max(strays) > LIMIT:
        raise SystemExit(f"{call}: float32 strays too far from float64")
    names = ["evaluated", "after_step"]
    outputs = {name: [float(f"{v:.8g}") for v in out] for name, out in zip(names, exact)}
    return {"call": call, "network": network} | ({"rate": rate} if rate else {}) | outputs


def origin():
    return {"timm": timm.__version__}


def goldens():
    return [golden(*case) for case in CASES]
