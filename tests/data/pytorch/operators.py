"""Golden values of single operators: outputs and gradients in float64 of float32 inputs."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import formula
from network_file import same_zeros

SAMPLES = 32
SALT_OUTPUT_GRADIENT, SALT_SUM = 99, 98

ACTIVATIONS = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "hard_swish": nn.Hardswish(),
    "hard_sigmoid": nn.Hardsigmoid(),
}


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def padded(case, x):
    """The image with its zeros, and what `conv2d` is still to add."""
    kernel, stride = case["kernel"], case["stride"]
    return (x, kernel // 2) if case["padding"] == "symmetric" else (F.pad(x, same_zeros(x.shape, kernel, stride)), 0)


def depthwise(case, x, weight):
    image, zeros = padded(case, nchw(x))
    filters = weight.permute(2, 0, 1).unsqueeze(1)
    return {"output": nhwc(F.conv2d(image, filters, None, case["stride"], zeros, groups=weight.shape[2]))}


def conv(case, x, weight):
    image, zeros = padded(case, nchw(x))
    return {"output": nhwc(F.conv2d(image, nchw(weight), None, case["stride"], zeros))}


def pointwise(case, x, weight):
    return {"output": x @ weight.T}


def batch_norm(case, x, gamma, beta):
    y = F.batch_norm(nchw(x), None, None, gamma, beta, training=True, eps=case["eps"])
    with torch.no_grad():
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2), correction=0)
    return {"output": nhwc(ACTIVATIONS[case["activation"]](y)), "mean": mean, "variance": variance}


def activation(case, x):
    return {"output": ACTIVATIONS[case["activation"]](x)}


def squeeze_excite(case, x, reduce, reduce_bias, expand, expand_bias):
    squeezed = F.relu(F.linear(x.mean((1, 2)), reduce, reduce_bias))
    gate = F.hardsigmoid(F.linear(squeezed, expand, expand_bias))
    return {"output": x * gate[:, None, None, :]}


def channel_scale(case, x, scale):
    return {"output": x * scale[:, None, None, :]}


def global_average_pool(case, x):
    return {"output": x.mean((1, 2))}


def cross_entropy(case, logits):
    labels = torch.arange(logits.shape[0]) * 7 % logits.shape[1]
    return {"output": F.cross_entropy(logits, labels, label_smoothing=case["smoothing"]).reshape(1)}


def parameters(case):
    """Names, shapes and scales of the tensors beside the input."""
    n, c = case["input"][0], case["input"][-1]
    k, c_out, s = (case.get(key) for key in ("kernel", "c_out", "squeeze"))
    return {
        "depthwise": [("weight", [k, k, c], 1.0)],
        "conv": [("weight", [c_out, k, k, c], 1.0)],
        "pointwise": [("weight", [c_out, c], 1.0)],
        "batch_norm": [("gamma", [c], 3.0), ("beta", [c], 2.0)],
        "squeeze_excite": [
            ("reduce", [s, c], 1.0),
            ("reduce_bias", [s], 1.0),
            ("expand", [c, s], 3.0),
            ("expand_bias", [c], 1.0),
        ],
        "channel_scale": [("scale", [n, c], 1.0)],
    }.get(case["operator"], [])


def windows():
    """Depthwise and full convolutions on odd, even, tiny and non-square maps."""
    maps = {3: [2, 9, 6, 5], 5: [2, 7, 12, 17], 7: [1, 11, 8, 33]}
    for kernel, shape in maps.items():
        for stride, padding in [(1, "symmetric"), (2, "symmetric"), (2, "same")]:
            yield {"operator": "depthwise", "input": shape, "kernel": kernel, "stride": stride, "padding": padding}
    yield {"operator": "depthwise", "input": [3, 1, 1, 40], "kernel": 5, "stride": 1, "padding": "symmetric"}
    yield {"operator": "depthwise", "input": [3, 2, 1, 9], "kernel": 7, "stride": 2, "padding": "same"}
    yield {"operator": "depthwise", "input": [2, 16, 16, 64], "kernel": 3, "stride": 1, "padding": "same"}
    for kernel, stride, padding, shape, c_out in [
        (3, 1, "symmetric", [2, 7, 5, 4], 6),
        (3, 2, "symmetric", [2, 8, 9, 3], 16),
        (3, 2, "same", [2, 8, 9, 3], 16),
        (5, 2, "same", [1, 11, 6, 3], 8),
        (1, 2, "same", [2, 5, 4, 7], 9),
    ]:
        window = {"kernel": kernel, "stride": stride, "padding": padding}
        yield {"operator": "conv", "input": shape, "c_out": c_out, **window}


def cases():
    yield from windows()
    for shape, c_out in [([2, 5, 3, 7], 11), ([1, 4, 4, 16], 64), ([2, 3, 3, 100], 24), ([5, 33], 10)]:
        yield {"operator": "pointwise", "input": shape, "c_out": c_out}
    for name in ["identity", "relu", "relu6", "hard_swish"]:
        yield {"operator": "batch_norm", "input": [3, 5, 4, 19], "activation": name, "eps": 1e-3}
    yield {"operator": "batch_norm", "input": [16, 1, 1, 8], "activation": "relu6", "eps": 1e-5}
    for name in ["relu", "relu6", "hard_swish", "hard_sigmoid"]:
        yield {"operator": "activation", "input": [2, 3, 5, 11], "activation": name}
    yield {"operator": "squeeze_excite", "input": [2, 5, 3, 24], "squeeze": 8}
    yield {"operator": "squeeze_excite", "input": [3, 1, 1, 17], "squeeze": 5}
    yield {"operator": "channel_scale", "input": [2, 4, 3, 13]}
    yield {"operator": "global_average_pool", "input": [2, 7, 5, 21]}
    for shape, smoothing in [([7, 10], 0.0), ([7, 10], 0.1), ([3, 1000], 0.1)]:
        yield {"operator": "cross_entropy", "input": shape, "smoothing": smoothing}


def results(case, dtype):
    """Outputs, and the gradients of `sum(output * formula)`, as float64 arrays in mbn's layout."""
    scale = 8.0 if case["operator"] in ("activation", "cross_entropy") else 1.0
    tensors = [("input", case["input"], scale), *parameters(case)]
    leaves = [formula.tensor(shape, salt, s).to(dtype).requires_grad_() for salt, (_, shape, s) in enumerate(tensors)]
    found = globals()[case["operator"]](case, *leaves)
    output = found["output"]
    # The gradient of a loss starts from 1.
    start = torch.ones_like(output)
    if case["operator"] != "cross_entropy":
        start = formula.tensor(output.shape, SALT_OUTPUT_GRADIENT).to(dtype)
    output.backward(start)
    found |= {f"{name}_gradient": leaf.grad for (name, _, _), leaf in zip(tensors, leaves)}
    return {name: tensor.detach().double().flatten().numpy() for name, tensor in found.items()}


def summary(values):
    """A tensor in few numbers: evenly spaced samples, and a sum that weighs every element differently."""
    count = min(len(values), SAMPLES)
    picks = np.arange(count) * len(values) // count
    return {
        "length": len(values),
        "largest": significant(np.max(np.abs(values))),
        "sum": significant(values @ formula.values(len(values), SALT_SUM).astype(np.float64)),
        "samples": [significant(value) for value in values[picks]],
    }


def significant(number, digits=8):
    return float(f"{number:.{digits}g}")


def goldens():
    """All cases, and by how much float32 strays from float64 at worst, by each tensor's largest value."""
    listed, worst = [], 0.0
    for case in cases():
        exact, rounded = results(case, torch.float64), results(case, torch.float32)
        strays = max(np.max(np.abs(rounded[name] - exact[name])) / np.max(np.abs(exact[name])) for name in exact)
        worst = max(worst, strays)
        listed.append({**case, "results": {name: summary(values) for name, values in exact.items()}})
    print(f"{len(listed)} operators, float32 against float64 at worst {worst:.1e}", flush=True)
    return listed, significant(worst, 2)
