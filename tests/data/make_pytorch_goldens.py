"""Makes pytorch_operators.json, pytorch_training.json and pytorch_imports.json: what PyTorch computes, for
tests/pytorch_*.rs.

usage: make_pytorch_goldens.py [operators] [training] [imports]

Needs torch and torchvision; imports need timm, too. All numbers are of float64; how far PyTorch's own float32 strays from them is
printed, and stored beside them.
"""

import json
import sys
from pathlib import Path

import torch
import torchvision

FOLDER = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER / "pytorch"))

import operators  # noqa: E402
import training  # noqa: E402


def origin():
    return {
        "made_by": "python3 tests/data/make_pytorch_goldens.py",
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def write(name, content, rows):
    """JSON with one line for each entry of `rows`, so that changes show well."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in content.items()]
    listed = ",\n".join(json.dumps(row) for row in rows[1])
    text = "{\n" + "\n".join(lines) + f"\n{json.dumps(rows[0])}: [\n{listed}\n]\n}}\n"
    json.loads(text)
    (FOLDER / name).write_text(text, newline="\n")


def main(parts):
    torch.set_num_threads(1)
    if "operators" in parts:
        cases, strays = operators.goldens()
        write("pytorch_operators.json", origin() | {"float32_strays_by": strays}, ("cases", cases))
    if "training" in parts:
        write("pytorch_training.json", origin(), ("networks", training.goldens()))
    if "imports" in parts:
        import imports

        write("pytorch_imports.json", origin() | imports.origin(), ("models", imports.goldens()))


if __name__ == "__main__":
    known = {"operators", "training", "imports"}
    if not known.issuperset(sys.argv[1:]):
        sys.exit(__doc__)
    main(set(sys.argv[1:]) or known)
