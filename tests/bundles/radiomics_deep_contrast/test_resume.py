"""A run that is killed and started again ends with the weights and banks of one that was never killed."""

from tests.bundles.shared.resume import SharedResume


class TestResume(SharedResume):
    killed_runs = {
        "pretrain": (["pretrain.yaml", "negatives.yaml"], {}),
        "train": (["train.yaml", "hybrid.yaml"], {"average_share": 0.5, "probing_epochs": 1, "encoder_rate": 0.5}),
    }

    def check(self, case, runs):
        if case == "pretrain":
            banks = runs.checkpoint["banks"]
            assert {"image", "radiomics", "log_normalizers"} <= banks.keys() and banks["filled"].all()
            assert "The memory banks are filled" in runs.whole and "The memory banks are filled" not in runs.resumed
