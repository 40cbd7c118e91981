"""Objective metrics, each declaring what it judges, its unit, range, direction, rate, version and source."""

from benchmarks.metrics.base import Metric
from benchmarks.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "log_mel": "benchmarks.metrics.signal:LogMelDistance",
        "si_sdr": "benchmarks.metrics.signal:SiSdr",
        "visqol_audio": "benchmarks.metrics.perceptual:VisqolAudio",
        "estoi": "benchmarks.metrics.perceptual:Estoi",
        "pesq_wb": "benchmarks.metrics.perceptual:PesqWideband",
        "distillmos": "benchmarks.metrics.no_reference:DistillMos",
    },
)
