"""A run that is killed and started again ends with the weights of one that was never killed."""

from tests.bundles.shared.resume import SharedResume

SMALL = {"candidates_per_cluster": 3, "box_size": [16, 16, 16]}


class TestResume(SharedResume):
    killed_runs = {
        "se-bank": (["pretrain.yaml"], SMALL | {"strategy": "se", "features": "bank", "batch_size": 2}),
        "se-fresh": (["pretrain.yaml"], SMALL | {"strategy": "se", "features": "fresh", "batch_size": 2}),
        # clusters the batch itself: at least k samples
        "re-fresh": (["pretrain.yaml"], SMALL | {"strategy": "re", "features": "fresh", "batch_size": 4}),
    }
