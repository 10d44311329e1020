from ..networks.key_queue import KeyQueue
from ..networks.memory_bank import MemoryBank
from .checkpoint import ResumableCheckpoint, save_with_checkpoint
from .collapse import CollapseMonitor
from .feature_bank import FeatureBank
from .head_first import HeadFirst
from .image_metrics import ImageMetrics
from .keep_loss import KeepLoss
from .key_queue_handler import KeyQueueHandler
from .memory_bank_handler import MemoryBankHandler
from .metrics_writer import MetricsWriter
from .momentum_update import MomentumUpdate
from .random_state import RandomState
from .rebalance import RebalanceHandler
from .writers import FeatureWriter, PredictionWriter

__all__ = [
    "CollapseMonitor",
    "FeatureBank",
    "FeatureWriter",
    "HeadFirst",
    "ImageMetrics",
    "KeepLoss",
    "KeyQueue",
    "KeyQueueHandler",
    "MemoryBank",
    "MemoryBankHandler",
    "MetricsWriter",
    "MomentumUpdate",
    "PredictionWriter",
    "RandomState",
    "RebalanceHandler",
    "ResumableCheckpoint",
    "save_with_checkpoint",
]
