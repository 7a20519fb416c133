"""Which models are counted, and how they are made: of every family of timm and torchvision the smaller ones, weights random."""

import warnings
from pathlib import Path

import timm
import torch
import torchvision

DETECTORS = ("fcn", "deeplab", "lraspp", "ssd", "retinanet", "fcos", "rcnn")
"""Words in the names of models that stand on another, whose weights are not to be fetched either."""


def shapes():
    """Return what every model reads, by name; timm's models say it themselves."""
    lines = (Path(__file__).parent / "models.txt").read_text(encoding="utf-8").split("\n")
    entries = (line.split() for line in lines if line)
    return {name: [tuple(map(int, sizes.split("x"))) for sizes in rest] for name, *rest in entries}


def made(name, device="meta"):
    """Return a model on a device, and the shapes of what it reads."""
    library, _, model = name.partition("/")
    with torch.device(device), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "timm":
            module = timm.create_model(model)
            return module, [tuple(module.pretrained_cfg["input_size"])]
        without = {"weights_backbone": None} if any(word in model for word in DETECTORS) else {}
        return torchvision.models.get_model(model, weights=None, **without), shapes()[name]
