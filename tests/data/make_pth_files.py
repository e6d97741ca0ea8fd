"""Makes small files of torch.save and pth_files.json, what PyTorch reads in them; for tests/weights_files.rs.

The files are the corpus of the fuzz test, too. Needs torch and safetensors.
"""

import argparse
import io
import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

TESTS = Path(__file__).parent.parent
CORPUS = TESTS / "fuzz" / "__fuzz__"


def module():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 2, bias=False), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    model[1].running_var.uniform_(0.5, 1.5)
    return model


def prefixed(state, prefix):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def objects():
    """What is saved under each name, with the keywords of torch.save, and the tensors that a reader must find."""
    state = module().state_dict()
    optimizer = torch.optim.SGD(module().parameters(), lr=0.1, momentum=0.9)
    nested = {
        "epoch": 3,
        "loss": 0.25,
        "args": argparse.Namespace(lr=0.1),
        "state_dict": prefixed(state, "module."),
        "optimizer": optimizer.state_dict(),
    }
    base = torch.arange(12, dtype=torch.float32)
    views = {"a": base[2:5], "b": base.view(3, 4)[:, 1:3], "c": base.view(3, 4).t()}
    channels_last = module().to(memory_format=torch.channels_last).state_dict()
    parameters = dict(module().named_parameters())
    legacy = {"_use_new_zipfile_serialization": False}
    yield "archive", state, {}, state
    yield "legacy", state, legacy, state
    yield "protocol4", state, {"pickle_protocol": 4}, state
    yield "nested", nested, {}, state
    yield "views", views, {}, views
    yield "legacy_views", views, legacy, views
    yield "channels_last", channels_last, {}, state
    yield "parameters", parameters, {}, parameters
    for name, dtype in [("half", torch.float16), ("bfloat16", torch.bfloat16), ("double", torch.float64)]:
        converted = module().to(dtype).state_dict()
        yield name, converted, {}, converted
    yield "empty_tensor", {"a": torch.zeros(0, 3)}, {}, {"a": torch.zeros(0, 3)}
    yield "whole_module", module(), {}, None
    yield "integers", {"a": torch.arange(3)}, {}, None
    yield "number", 3, {}, None
    yield "no_tensors", {"epoch": 3, "best": 0.5}, {}, None


def expected(state):
    if state is None:
        return None
    kept = {name: tensor.detach().float() for name, tensor in state.items() if "num_batches" not in name}
    return {name: {"shape": list(t.shape), "values": t.flatten().tolist()} for name, t in kept.items()}


def saved(value, keywords):
    # A name inside of the archive that does not depend on the file's.
    stream = io.BytesIO()
    torch.save(value, stream, **keywords)
    return stream.getvalue()


def script():
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), stream)
    return stream.getvalue()


def main():
    entries = []
    for name, value, keywords, state in objects():
        (CORPUS / "pth" / "corpus" / f"{name}.pth").write_bytes(saved(value, keywords))
        entries.append({"file": f"{name}.pth", "tensors": expected(state)})
    (CORPUS / "pth" / "corpus" / "script.pt").write_bytes(script())
    entries.append({"file": "script.pt", "tensors": None})
    state = module().state_dict()
    for name, tensors in [("state", state), ("module", prefixed(state, "module."))]:
        (CORPUS / "safetensors" / "corpus" / f"{name}.safetensors").write_bytes(save(tensors))
    text = ",\n".join(json.dumps(entry) for entry in entries)
    head = f'"made_by": "python3 tests/data/make_pth_files.py",\n"torch": {json.dumps(torch.__version__)},\n'
    (Path(__file__).parent / "pth_files.json").write_text(f'{{\n{head}"files": [\n{text}\n]\n}}\n', newline="\n")


if __name__ == "__main__":
    main()
