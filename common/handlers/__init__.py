from .checkpoint import ResumableCheckpoint
from .collapse import CollapseMonitor
from .feature_bank import FeatureBank
from .keep_loss import KeepLoss
from .metrics_writer import MetricsWriter
from .momentum_update import MomentumUpdate
from .random_state import RandomState
from .rebalance import RebalanceHandler
from .writers import FeatureWriter, PredictionWriter

__all__ = [
    "CollapseMonitor",
    "FeatureBank",
    "FeatureWriter",
    "KeepLoss",
    "MetricsWriter",
    "MomentumUpdate",
    "PredictionWriter",
    "RandomState",
    "RebalanceHandler",
    "ResumableCheckpoint",
]
