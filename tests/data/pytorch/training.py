"""Golden values of whole networks: 20 steps of SGD with momentum from the same weights on the same batches."""

import math
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

import formula
import network_file

CLASSES = 10
BATCH = 16
STEPS = 20
BATCHES = 4
MOMENTUM = 0.9

# Where batch norm starts, by the activation behind it: most values lie away from kinks. At a kink roundings
# decide which side a value is on, and the last maps of one pixel make a step of the loss of it: from shift 0,
# MobileNetV2's losses in float32 and float64 part by 0.6 % within 20 steps even at a learning rate of 5e-6.
SHIFTS = {nn.ReLU: 2.0, nn.ReLU6: 2.0, nn.Hardswish: 0.0}

# Learning rates at which the loss falls and float32 still follows float64: see `check`.
CASES = {
    "mobilenet_v2": (torchvision.models.mobilenet_v2, 1e-4),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, 2e-3),
    "mobilenet_v3_large": (torchvision.models.mobilenet_v3_large, 4e-4),
    "mixed_same": (None, 4e-2),
}

# A quarter of the tolerances of tests/pytorch_training.rs.
LIMITS = {"losses": 2.5e-4, "logits": 2.5e-5, "gradients": 1e-4, "statistics": 2.5e-4, "evaluated": 2.5e-4}
LEAST_FALL = 0.75

SALT_LABELS, SALT_CLASS, SALT_IMAGE, SALT_NOISE = 100, 200, 300, 400
SALT_PARAMETER = 1000
SALT_GRADIENT = 5000
SALT_STATISTIC = 6000


def build(name, disturbed):
    """The network with weights of the formula, and the side of its images.

    Where `disturbed` is not 0, it seeds errors in the weights that are the size of a float32 rounding.
    """
    constructor, _ = CASES[name]
    if constructor:
        model, side = constructor(weights=None, num_classes=CLASSES, dropout=0.0), 32
    else:
        model, side = network_file.load(Path(__file__).with_name(f"{name}.toml"))
    shifts = shifts_of(model)
    errors = torch.Generator().manual_seed(disturbed)
    with torch.no_grad():
        for index, (layer, parameter) in enumerate(trained(model)):
            start = initial(layer, parameter, SALT_PARAMETER + index, shifts.get(layer, 0.0))
            parameter.copy_(from_nhwc(layer, parameter, start))
            if disturbed:
                parameter.mul_(1.0 + 1e-7 * torch.randn(parameter.shape, generator=errors))
    return model, side


def trained(model):
    """Layers with each of their trained tensors, from the image to the logits, as mbn's graph lists them."""
    for layer in model.modules():
        for parameter in layer.parameters(recurse=False):
            yield layer, parameter


def shifts_of(model):
    """The first shift of every batch norm that an activation follows."""
    sequences = [list(module) for module in model.modules() if isinstance(module, nn.Sequential)]
    neighbours = (pair for layers in sequences for pair in zip(layers, layers[1:]))
    return {layer: SHIFTS[type(after)] for layer, after in neighbours if type(after) in SHIFTS}


def initial(layer, parameter, salt, shift):
    """Kaiming's scale for weights, batch norm from scale 1 and `shift`."""
    if isinstance(layer, nn.BatchNorm2d):
        return torch.full_like(parameter, shift if parameter is layer.bias else 1.0)
    if parameter.dim() == 1:
        return torch.zeros_like(parameter)
    shape = nhwc_shape(layer, parameter)
    # The variance of the formula is 1/3.
    gain = 3.0 if isinstance(layer, nn.Linear) else 6.0
    return formula.tensor(shape, salt, math.sqrt(gain / parameter[0].numel()))


def is_depthwise(layer):
    return isinstance(layer, nn.Conv2d) and layer.groups > 1


def nhwc_shape(layer, parameter):
    """The tensor's dimensions in mbn: `[c_out, k, k, c_in]`, depthwise `[k, k, c]`."""
    return to_nhwc(layer, parameter).shape


def to_nhwc(layer, tensor):
    if tensor.dim() != 4:
        return tensor
    return tensor.squeeze(1).permute(1, 2, 0) if is_depthwise(layer) else tensor.permute(0, 2, 3, 1)


def from_nhwc(layer, parameter, values):
    if parameter.dim() != 4:
        return values
    return values.permute(2, 0, 1).unsqueeze(1) if is_depthwise(layer) else values.permute(0, 3, 1, 2)


def batch(index, side):
    """Images, NCHW, and labels: a coarse pattern of the class, one of the image, and noise."""
    labels = np.floor((formula.values(BATCH, SALT_LABELS + index).astype(np.float64) + 1.0) * CLASSES / 2.0)
    labels = torch.from_numpy(labels.astype(np.int64))
    cells = side // 8 + 1
    classes = torch.stack([formula.tensor((cells, cells, 3), SALT_CLASS + c) for c in range(CLASSES)])
    coarse = classes[labels] + formula.tensor((BATCH, cells, cells, 3), SALT_IMAGE + index)
    fine = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :side, :side]
    images = fine + 0.25 * formula.tensor((BATCH, side, side, 3), SALT_NOISE + index)
    return images.permute(0, 3, 1, 2).contiguous(), labels


def train(name, dtype, threads=1, disturbed=0):
    """Losses, first logits and gradients, last running statistics and logits in evaluation mode; all as float64."""
    torch.set_num_threads(threads)
    model, side = build(name, disturbed)
    model = model.to(dtype).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=CASES[name][1], momentum=MOMENTUM)
    result = {"losses": []}
    for step in range(STEPS):
        images, labels = batch(step % BATCHES, side)
        logits = model(images.to(dtype))
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            result["logits"] = logits.detach().double().flatten().numpy()
            result["gradients"] = [to_nhwc(layer, p.grad).double().flatten().numpy() for layer, p in trained(model)]
        optimizer.step()
        result["losses"].append(loss.item())
    result["statistics"] = [b.double().numpy() for b in model.buffers() if b.dim() == 1]
    with torch.no_grad():
        images, _ = batch(BATCHES, side)
        result["evaluated"] = model.eval()(images.to(dtype)).double().flatten().numpy()
    result["losses"] = np.array(result["losses"])
    return result


def spread(exact, other):
    """How far float32 strays from float64, each in the measure of tests/pytorch_training.rs."""
    return {
        "losses": float(np.max(np.abs(other["losses"] / exact["losses"] - 1.0))),
        "logits": deviation(exact["logits"], other["logits"]),
        "gradients": max(map(deviation_of(exact["gradients"]), exact["gradients"], other["gradients"])),
        "statistics": max(map(deviation_of(exact["statistics"]), exact["statistics"], other["statistics"])),
        "evaluated": deviation(exact["evaluated"], other["evaluated"]),
    }


def deviation(exact, other):
    return float(np.max(np.abs(other - exact)) / np.max(np.abs(exact)))


def deviation_of(tensors):
    """Of one of these tensors, by its own length; where it vanishes, by the longest of all."""
    floor = 1e-3 * max(np.linalg.norm(t) for t in tensors)
    return lambda exact, other: float(np.linalg.norm(other - exact) / (np.linalg.norm(exact) + floor))


def check(name, losses, worst):
    """Refuses a learning rate at which the comparison would mean little."""
    if losses[-BATCHES:].mean() > LEAST_FALL * losses[:BATCHES].mean():
        raise SystemExit(f"{name}: the loss hardly moves, {losses}")
    for what, limit in LIMITS.items():
        if worst[what] > limit:
            raise SystemExit(f"{name}: float32 strays too far from float64, {worst}")


def golden(name):
    exact = train(name, torch.float64)
    # Other orders of summation, and other roundings: as different as another implementation may be.
    others = [{"threads": 1}, {"threads": 2}, {"disturbed": 1}, {"disturbed": 2}, {"disturbed": 3}]
    runs = [spread(exact, train(name, torch.float32, **other)) for other in others]
    worst = {what: max(run[what] for run in runs) for what in runs[0]}
    print(name, "losses", exact["losses"].round(3).tolist(), flush=True)
    print(name, "float32 against float64", {what: f"{value:.1e}" for what, value in worst.items()}, flush=True)
    check(name, exact["losses"], worst)
    return {
        "network": name,
        "learning_rate": CASES[name][1],
        "losses": significant(exact["losses"], 9),
        "logits": significant(exact["logits"], 8),
        "gradients": summaries(exact["gradients"], SALT_GRADIENT),
        "statistics": summaries(exact["statistics"], SALT_STATISTIC),
        "evaluated": significant(exact["evaluated"], 8),
        "float32_strays_by": {what: significant([value], 2)[0] for what, value in worst.items()},
    }


def summaries(tensors, salt):
    """Of every tensor a sum that weighs every element differently, and its length."""
    sums = [t @ formula.values(t.size, salt + i).astype(np.float64) for i, t in enumerate(tensors)]
    return {"sums": significant(sums, 8), "norms": significant([np.linalg.norm(t) for t in tensors], 8)}


def significant(numbers, digits):
    return [float(f"{number:.{digits}g}") for number in numbers]


def goldens():
    return [golden(name) for name in CASES]
