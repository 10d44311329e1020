"""A bundle as the model zoo takes it, as small as can be, of stock components alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

SIZE, CLASSES = [8, 8], 2

PREPROCESSING = {
    "_target_": "Compose",
    "transforms": [
        {"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": True},
        {"_target_": "ScaleIntensityd", "keys": "image"},
        {"_target_": "Resized", "keys": "image", "spatial_size": SIZE},
        {"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32", "track_meta": False},
        {"_target_": "SelectItemsd", "keys": ["image", "label"], "allow_missing_keys": True},
    ],
}
COMMON = {
    "bundle_root": ".",
    "device": "cpu",
    "dataset_dir": "$@bundle_root + '/data'",
    "output_dir": "$@bundle_root + '/outputs'",
    "batch_size": 2,
    "network_def": "$torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.Softmax(1))",
    "network": "$@network_def.to(@device)",
    "initialize": ["$monai.utils.set_determinism(seed=0)"],
}


def dataset(section: str, part: str = "") -> dict[str, Any]:
    """A section of the datalist, for a part of the config."""
    data = {
        "_target_": "monai.data.load_decathlon_datalist",
        "data_list_file_path": "$@dataset_dir + '/datalist.json'",
        "data_list_key": section,
        "is_segmentation": False,
        "base_dir": "@dataset_dir",
    }
    return {"_target_": "Dataset", "data": data, "transform": f"@{part}preprocessing"}


def loader(dataset: str) -> dict[str, Any]:
    """Batches of it."""
    return {"_target_": "DataLoader", "dataset": dataset, "batch_size": "@batch_size", "num_workers": 0}


def saver(filename: str) -> dict[str, Any]:
    """A table of the predictions."""
    names = "$lambda batch: [{'filename_or_obj': str(k)} for k, row in enumerate(batch)]"
    pred = "$monai.handlers.from_engine('pred')"
    return {
        "_target_": "ClassificationSaver",
        "output_dir": "@output_dir",
        "filename": filename,
        "batch_transform": names,
        "output_transform": pred,
    }


def evaluator(name: str) -> dict[str, Any]:
    """What predicts."""
    parts = {"val_data_loader": f"@{name}dataloader", "val_handlers": f"@{name}handlers", "inferer": f"@{name}inferer"}
    return {"_target_": "SupervisedEvaluator", "device": "@device", "network": "@network", **parts}


def configs() -> dict[str, dict[str, Any]]:
    """All configs by name, without the metadata."""
    checkpoint = {"_target_": "CheckpointSaver", "save_dir": "@output_dir", "save_dict": {"model": "@network"}}
    trainer = {
        "_target_": "SupervisedTrainer",
        "max_epochs": "@max_epochs",
        "device": "@device",
        "train_data_loader": "@train#dataloader",
        "network": "@network",
        "optimizer": {"_target_": "torch.optim.SGD", "params": "$@network.parameters()", "lr": 0.1},
        "loss_function": {"_target_": "torch.nn.CrossEntropyLoss"},
        "inferer": "@train#inferer",
        "train_handlers": "@train#handlers",
    }
    inferer = {"_target_": "SimpleInferer"}
    metric = {"accuracy": {"_target_": "ignite.metrics.Accuracy", "output_transform": "$lambda x: ([1], [1])"}}
    parts = {"preprocessing": PREPROCESSING, "postprocessing": None, "inferer": inferer, "key_metric": metric}
    train = {
        "handlers": [{**checkpoint, "save_final": True}],
        "dataset": dataset("training", "train#"),
        "dataloader": loader("@train#dataset"),
        "trainer": trainer,
        **parts,
    }
    validate = {
        "handlers": [saver("validation.csv")],
        "dataset": dataset("training", "validate#"),
        "dataloader": loader("@validate#dataset"),
        "evaluator": evaluator("validate#"),
        **parts,
    }
    ids = {"preprocessing": PREPROCESSING, "inferer": inferer}
    training = {**COMMON, "max_epochs": 3, "val_interval": 1, "train": train, "validate": validate}
    inference = {"dataset": dataset("testing"), "dataloader": loader("@dataset"), "evaluator": evaluator("")}
    inference |= {"handlers": [saver("predictions.csv")], "postprocessing": None, "key_metric": None}
    start = "$torch.distributed.is_initialized() or torch.distributed.init_process_group('gloo')"
    parallel = {"_target_": "torch.nn.parallel.DistributedDataParallel", "module": "$@network_def.to(@device)"}
    return {
        "train": {**training, "run": ["$@train#trainer.run()"]},
        "evaluate": {"run": ["$@validate#evaluator.run()"]},
        "inference": {**COMMON, **ids, **inference, "run": ["$@evaluator.run()"]},
        "inference_trt": {"network_def": "$torch.jit.load(@bundle_root + '/models/model_trt.ts')"},
        "multi_gpu_train": {
            "network": parallel,
            "initialize": [start],
            "finalize": ["$torch.distributed.destroy_process_group()"],
        },
    }


def write_zoo_archive(folder: Path, project: Path) -> Path:
    """Write it, with licence and pins of the project, and random weights."""
    source = project / "bundles" / "liver_cgc"
    for name in ("LICENSE", "docs/README.md", "docs/data_license.txt", "configs/logging.conf"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    metadata = json.loads((source / "configs/metadata.json").read_text())
    formats = metadata["network_data_format"]
    formats["inputs"]["image"] |= {"num_channels": 1, "spatial_shape": SIZE, "channel_def": {"0": "MR"}}
    formats["outputs"]["pred"] |= {"num_channels": 3, "channel_def": {"0": "a", "1": "b", "2": "no call"}}
    for name, config in {**configs(), "metadata": metadata}.items():
        (folder / f"configs/{name}.json").write_text(json.dumps(config, indent=4) + "\n")
    (folder / "models").mkdir()
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.Softmax(1))
    torch.save(network.state_dict(), folder / "models/model.pt")
    return folder
