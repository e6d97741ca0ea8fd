"""Checks exported models with the Python packages onnx and onnxruntime.

Trains a network for an epoch, exports it in every form, and for each file
- lets onnx check it in full and infer its shapes strictly,
- lets the exporter prove it in the ONNX Runtime of the package (it exits with an error otherwise),
- runs it in Python on zeros, one image and several.

Usage: check_with_packages.py FOLDER_OF_THE_BINARIES
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

NETWORK = """name = "tiny"
resolution = 28
input_channels = 1
classes = 10
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
dropout = 0.1
stem = "conv_k3_s2_c8_hswish"
blocks = [
    "ir_k3_s2_h16_c8_se8_relu",
    "ds_k3_s1_c16_relu6",
    "ir_k5_s2_h32_c16_hswish",
    "ir_k3_s1_h32_c16_se8_relu6",
    "ir_k3_s1_h32_c24_relu_proj",
]
head = ["conv_k1_s1_c32_hswish", "pool", "linear_c24_hswish"]
"""

FORMS = [
    ["--opset", "17"],
    ["--opset", "18", "--fold-bn"],
    ["--opset", "19", "--static-batch", "3"],
    ["--opset", "20", "--fold-bn", "--static-batch", "1"],
    ["--opset", "21"],
    ["--opset", "17", "--int8"],
    ["--opset", "21", "--int8", "--static-batch", "2"],
]


def library():
    """The shared library of the package."""
    found = glob.glob(os.path.join(os.path.dirname(onnxruntime.__file__), "capi", "libonnxruntime.so*"))
    if not found:
        sys.exit("the package onnxruntime holds no libonnxruntime.so")
    return found[0]


def check(path):
    """Checks a file and runs it; its shape of images."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    batches = [shape[0]] if isinstance(shape[0], int) else [1, 5]
    for batch in batches:
        images = numpy.zeros([batch, *shape[1:]], numpy.float32)
        (logits,) = session.run(None, {"image": images})
        assert logits.shape == (batch, 10), logits.shape
        assert numpy.isfinite(logits).all(), "logits that are no numbers"
    return shape


def main():
    """Exports and checks every form."""
    binaries = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        network, run = os.path.join(folder, "tiny.toml"), os.path.join(folder, "run")
        with open(network, "w", encoding="utf-8") as file:
            file.write(NETWORK)
        train = [os.path.join(binaries, "mbn-train"), network, "--epochs", "1", "--out", run, "--quiet"]
        subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
        for form in FORMS:
            out = os.path.join(folder, "out")
            export = [os.path.join(binaries, "mbn-export"), run, "--format", "onnx", "--out", out, "--json"]
            export += ["--ort-library", library(), *form]
            done = subprocess.run(export, check=True, stdout=subprocess.PIPE)
            report = json.loads(done.stdout)
            path = report["files"][0]["path"]
            shape = check(path)
            by = [proof["by"] for proof in report["proofs"]] or [report["int8"]["by"]]
            assert "ONNX Runtime" in by, by
            print(" ".join(form), shape, report.get("int8") or report["proofs"][-1])


main()
