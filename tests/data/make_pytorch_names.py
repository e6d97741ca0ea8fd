"""Makes pytorch_names.json: networks of torchvision and timm with the names and shapes of their tensors.

Needs torch, torchvision and timm. For each call that builds a network: what mbn's network file of it says, read off
the modules, and the tensors of its state dict; in full for one network of each family, else as a hash.
"""

import hashlib
import json
import sys
from pathlib import Path

import timm
import torch
import torchvision

FOLDER = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER / "pytorch"))

import package_models  # noqa: E402

IN_FULL = [
    "torchvision.models.mobilenet_v2(num_classes=1000)",
    "torchvision.models.mobilenet_v3_small(num_classes=10)",
    "torchvision.models.mobilenet_v3_large(num_classes=1000)",
    'timm.create_model("mobilenetv1_100", num_classes=1000)',
    'timm.create_model("mobilenetv2_100", num_classes=1000)',
    'timm.create_model("mobilenetv3_large_100", num_classes=1000)',
    'timm.create_model("tf_mobilenetv3_small_100", num_classes=10, in_chans=1)',
    'timm.create_model("mnasnet_100", num_classes=1000)',
]

HASHED = [
    *(
        f"torchvision.models.{name}(num_classes=1000, width_mult={width})"
        for name in ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
        for width in (0.25, 0.35, 0.5, 0.75, 1.25, 1.4, 2)
    ),
    "torchvision.models.mobilenet_v2(num_classes=7, dropout=0)",
    *(
        f'timm.create_model("{name}", num_classes=1000)'
        for name in timm.list_models(["mobilenetv1_*", "mobilenetv2_*", "mobilenetv3_*", "tf_mobilenetv3_*"])
        # Its hidden layer has no bias, and its squeeze-excite is rounded differently.
        if name != "mobilenetv3_rw"
    ),
    *(f'timm.create_model("mnasnet_{width}", num_classes=1000)' for width in ("050", "075", "140")),
    'timm.create_model("mobilenetv1_100", num_classes=10, pad_type="same", bn_eps=0.001, bn_momentum=0.01, act_layer="relu", drop_rate=0.001)',
    'timm.create_model("tf_mobilenetv3_small_minimal_100", num_classes=10, pad_type="", bn_eps=0.00001)',
]


def described(call):
    file, model = package_models.network_file(call)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    lines = "".join(f"{name} {json.dumps(shape)}\n" for name, shape in sorted(shapes.items()))
    entry = {"call": call, "network": file, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    return entry | ({"tensors": shapes} if call in IN_FULL else {})


def main():
    calls = IN_FULL + [call for call in HASHED if call not in IN_FULL]
    origin = {
        "made_by": "python3 tests/data/make_pytorch_names.py",
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
    }
    lines = ",\n".join(json.dumps(described(call)) for call in calls)
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in origin.items())
    text = "{\n" + head + f'"models": [\n{lines}\n]\n}}\n'
    json.loads(text)
    (FOLDER / "pytorch_names.json").write_text(text, newline="\n")


if __name__ == "__main__":
    main()
