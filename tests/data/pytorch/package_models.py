"""Models of torchvision and timm as network files: blocks, padding and constants read off their modules."""

import timm
import torch
import torchvision
from torch import nn

ACTIVATIONS = {nn.ReLU: "relu", nn.ReLU6: "relu6", nn.Hardswish: "hswish"}


def build(call):
    """The model that a call builds."""
    return eval(call, {"torchvision": torchvision, "timm": timm})  # calls of the lists below only


def activation(module):
    """The name of an activation; `None` for the identity."""
    for kind, name in ACTIVATIONS.items():
        if type(module) is kind or type(module).__name__.lower() == kind.__name__.lower():
            return name
    assert isinstance(module, nn.Identity), module
    return None


def token(kind, sizes, activation_name):
    words = [f"{key}{value}" for key, value in sizes.items() if value]
    return "_".join([kind, *words] + ([activation_name] if activation_name else []))


def kernel(conv):
    assert conv.kernel_size[0] == conv.kernel_size[1] and conv.dilation == (1, 1), conv
    return conv.kernel_size[0]


def convolution(conv, activation_name):
    assert conv.groups == 1 and conv.bias is None, conv
    sizes = {"k": kernel(conv), "s": conv.stride[0], "c": conv.out_channels}
    return token("conv", sizes, activation_name)


def inverted_residual(depthwise, project, squeeze, activation_name):
    assert depthwise.groups == depthwise.in_channels == depthwise.out_channels, depthwise
    sizes = {"k": kernel(depthwise), "s": depthwise.stride[0], "h": depthwise.out_channels}
    sizes |= {"c": project.out_channels, "se": squeeze}
    return token("ir", sizes, activation_name)


def linear(layer, activation_name):
    channels = layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features
    return token("linear", {"c": channels}, activation_name)


def checked_residual(expected, has_skip, block):
    assert bool(has_skip) == expected, block


def torchvision_block(block):
    layers = list(block.conv if hasattr(block, "conv") else block.block)
    if isinstance(layers[-1], nn.BatchNorm2d):
        layers[-2:] = [nn.Sequential(*layers[-2:])]
    squeeze = [layer for layer in layers if type(layer).__name__ == "SqueezeExcitation"]
    convolutions = [layer for layer in layers if layer not in squeeze]
    (depthwise, _, act), project = convolutions[-2], convolutions[-1][0]
    if len(convolutions) == 3:
        assert activation(convolutions[0][2]) == activation(act), block
    entering = convolutions[0][0].in_channels
    checked_residual(depthwise.stride[0] == 1 and entering == project.out_channels, block.use_res_connect, block)
    width = squeeze[0].fc1.out_channels if squeeze else 0
    return inverted_residual(depthwise, project, width, activation(act))


def torchvision_network(model):
    stem, *blocks, last = model.features
    head = [convolution(last[0], activation(last[2])), "pool"]
    classifier = [layer for layer in model.classifier if not isinstance(layer, nn.Dropout)]
    if len(classifier) == 3:
        head.append(linear(classifier[0], activation(classifier[1])))
    return {
        "stem": convolution(stem[0], activation(stem[2])),
        "blocks": [torchvision_block(block) for block in blocks],
        "head": head,
    }


def timm_block(block):
    kind = type(block).__name__
    if kind == "ConvBnAct":
        assert not block.has_skip, block
        return convolution(block.conv, activation(block.bn1.act))
    has_squeeze = not isinstance(block.se, nn.Identity)
    if has_squeeze:
        assert type(block.se.act1) is nn.ReLU and "hard" in str(type(block.se.gate)).lower(), block
    squeeze = block.se.conv_reduce.out_channels if has_squeeze else 0
    same = block.conv_dw.stride[0] == 1
    if kind == "DepthwiseSeparableConv" and block.has_pw_act:
        assert not block.has_skip and not squeeze, block
        act = activation(block.bn1.act)
        assert act == activation(block.bn2.act), block
        sizes = {"k": kernel(block.conv_dw), "s": block.conv_dw.stride[0], "c": block.conv_pw.out_channels}
        return token("ds", sizes, act)
    if kind == "DepthwiseSeparableConv":
        project, act = block.conv_pw, activation(block.bn1.act)
        entering = block.conv_dw.in_channels
    else:
        assert kind == "InvertedResidual", block
        project, act = block.conv_pwl, activation(block.bn2.act)
        assert activation(block.bn1.act) == act, block
        entering = block.conv_pw.in_channels
    checked_residual(same and entering == project.out_channels, block.has_skip, block)
    return inverted_residual(block.conv_dw, project, squeeze, act)


def timm_network(model):
    stages = [list(stage) for stage in model.blocks]
    head = []
    if type(model).__name__ == "MobileNetV3":
        head = [timm_block(block) for block in stages.pop()]
        head += ["pool", linear(model.conv_head, activation(model.act2))]
    else:
        if not isinstance(model.conv_head, nn.Identity):
            head.append(convolution(model.conv_head, activation(model.bn2.act)))
        head.append("pool")
    return {
        "stem": convolution(model.conv_stem, activation(model.bn1.act)),
        "blocks": [timm_block(block) for stage in stages for block in stage],
        "head": head,
    }


def conventions(model):
    """Padding and batch-norm constants, which must be the same everywhere."""
    norms = {(m.eps, m.momentum) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    (eps, momentum), = norms
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    for conv in convolutions:
        expected = 0 if type(conv).__name__ == "Conv2dSame" else conv.kernel_size[0] // 2
        assert conv.padding == (expected, expected), conv
    strided = {type(conv).__name__ for conv in convolutions if conv.stride != (1, 1)}
    assert len(strided) == 1, strided
    padding = "same" if strided == {"Conv2dSame"} else "symmetric"
    return {"padding": padding, "batch_norm": {"eps": eps, "momentum": momentum}}


def dropout(model):
    """The rate before the classifier."""
    layers = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    return layers[0] if layers else getattr(model, "drop_rate", 0.0)


def network_file(call):
    """What mbn's file of the network that a call builds says, and the model."""
    torch.manual_seed(0)
    model = build(call)
    of_package = torchvision_network if call.startswith("torchvision") else timm_network
    blocks = of_package(model)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    classifier = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    file = {
        "name": call,
        "resolution": 224,
        "input_channels": convolutions[0].in_channels,
        "classes": classifier.out_features,
        **conventions(model),
        "dropout": dropout(model),
    }
    return file | blocks, model
