"""What fusing the modalities costs: parameters, multiplications and time of CGC, CMC and the dense equivalent."""

from __future__ import annotations

import json

import fire

from common import benchmark
from common.errors import brief_input_errors
from common.files import write_atomically


def complexity(
    channels: int = 1408,
    size: int = 7,
    modalities: int = 3,
    groups: int = 8,
    batch_size: int = 16,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 5,
    output: str | None = None,
) -> None:
    """Print a table of cross-modality group convolution, its peer and its dense equivalent, at the paper's size.

    CGC is the grouped Mx1x1 convolution and three grouped 1x1 convolutions with channel shuffle, CMC one dense Mx1x1
    convolution, dense is CGC with one group. They take turns in one process.

    Args:
        channels: of each modality's feature map; 1408 is EfficientNet-B2's
        size: height and width of the feature maps
        modalities: images of a patient
        groups: of CGC's convolutions; must divide channels
        batch_size: patients in a batch, for the times
        device: where to measure, such as cpu or cuda
        rounds: how often to measure
        steps: batches of each network in a round
        output: JSON to write, with hardware, versions and all numbers
    """
    environment = benchmark.describe_environment()
    result = benchmark.measure_complexity(channels, size, modalities, groups, batch_size, device, rounds, steps)
    print(f"complexity: {benchmark.hardware_line(environment)}")
    print(benchmark.complexity_table(result))
    if output is not None:
        content = {"benchmark": "complexity", "environment": environment, **result}
        print(f"written: {write_atomically(output, json.dumps(content, indent=1) + chr(10))}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    fire.Fire(complexity, name="complexity.py")


if __name__ == "__main__":
    main()
