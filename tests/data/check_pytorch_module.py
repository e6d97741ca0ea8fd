"""Checks that modules which mbn wrote compute in PyTorch what mbn computed. For tests/pytorch_module.rs.

usage: check_pytorch_module.py FOLDER...

A folder holds for every network NAME.py, NAME.safetensors with its weights, and NAME.expected.safetensors:
images `[n, c, h, w]`, their logits, and the running statistics of the first batch norm after one step of training
on them. The metadata `class_names` is the list of class names as JSON.

Needs torch and safetensors; agreed with torch 2.15.0 and safetensors 0.8.0 on a CPU.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

# Allowed difference, by the largest value of a tensor.
TOLERANCE = 1e-4
# Logits of two images must differ by more, or agreement says nothing.
LEAST_SPREAD = 1e-2


def import_module(path):
    """The module of a file, which must compile without a warning."""
    compile(path.read_text(encoding="utf-8"), path, "exec")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def distance(found, expected):
    assert found.shape == expected.shape, f"{list(found.shape)} is not {list(expected.shape)}"
    assert found.isfinite().all() and expected.isfinite().all(), "a value is not finite"
    return float((found - expected).abs().max() / expected.abs().max())


def agree(what, found, expected):
    difference = distance(found, expected)
    assert difference <= TOLERANCE, f"{what} differ by {difference:.1e}"
    return difference


def check_training_step(network, images, expected):
    """One step of training gives every parameter a gradient, and moves the statistics as mbn moves them."""
    network.train()
    network(images).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), f"{name} has no gradient"
    state = network.state_dict()
    for name in ["stem.bn.running_mean", "stem.bn.running_var"]:
        agree(name, state[name], expected[name])
    assert state["stem.bn.num_batches_tracked"] == 1


def check(path):
    module = import_module(path)
    weights, answers = path.with_suffix(".safetensors"), path.with_suffix(".expected.safetensors")
    module.Network().load_state_dict(load_file(weights), strict=True)
    with safe_open(answers, "pt") as file:
        expected = {name: file.get_tensor(name) for name in file.keys()}
        assert module.CLASSES == json.loads(file.metadata()["class_names"]), "the class names differ"
    network = module.load(weights)
    with torch.no_grad():
        logits = network(expected["images"])
    spread = distance(expected["logits"][:1], expected["logits"][1:2])
    assert spread > LEAST_SPREAD, f"images differ by {spread:.1e} only"
    difference = agree("the logits", logits, expected["logits"])
    check_training_step(network, expected["images"], expected)
    return difference


def main(folders):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warnings.simplefilter("error", SyntaxWarning)
    sys.dont_write_bytecode = True
    differences, failures = {}, 0
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.py")):
        try:
            differences[path.stem] = check(path)
            print(f"{path.stem}: {differences[path.stem]:.1e}")
        except Exception as error:
            failures += 1
            print(f"{path.stem}: {type(error).__name__}: {error}")
    largest = max(differences.values(), default=0.0)
    print(f"{len(differences)} networks agree, {failures} do not; the largest difference is {largest:.1e}")
    return 0 if differences and not failures else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
