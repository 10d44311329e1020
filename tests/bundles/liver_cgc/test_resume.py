"""A run that is killed and started again ends with the weights of one that was never killed."""

from tests.bundles.shared.resume import SharedResume


class TestResume(SharedResume):
    killed_runs = {"pretrain": (["pretrain.yaml", "byol_mda.yaml"], {}), "train": (["train.yaml", "cgc.yaml"], {})}
