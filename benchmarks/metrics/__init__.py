"""Objective metrics, each declaring what it judges, its unit, range, direction, rate, version and source."""

from benchmarks.metrics.base import Metric
from benchmarks.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "visqol_audio": "benchmarks.metrics.perceptual:VisqolAudio",
        "visqol_speech": "benchmarks.metrics.perceptual:VisqolSpeech",
        "visqol_speech_lattice": "benchmarks.metrics.perceptual:VisqolSpeechLattice",
        "zimtohrli": "benchmarks.metrics.perceptual:Zimtohrli",
        "pesq_wb": "benchmarks.metrics.speech:PesqWideband",
        "pesq_nb": "benchmarks.metrics.speech:PesqNarrowband",
        "stoi": "benchmarks.metrics.speech:Stoi",
        "estoi": "benchmarks.metrics.speech:Estoi",
        "log_mel": "benchmarks.metrics.signal:LogMelDistance",
        "mr_stft": "benchmarks.metrics.spectral:MultiResolutionStft",
        "spectral_convergence": "benchmarks.metrics.spectral:SpectralConvergence",
        "lsd": "benchmarks.metrics.spectral:LogSpectralDistance",
        "modulation": "benchmarks.metrics.texture:ModulationDistance",
        "texture": "benchmarks.metrics.texture:TextureDistance",
        "frechet": "benchmarks.metrics.frechet:FrechetDistance",
        "si_sdr": "benchmarks.metrics.signal:SiSdr",
        "bandwidth": "benchmarks.metrics.bandwidth:Bandwidth",
        "bandwidth_difference": "benchmarks.metrics.bandwidth:BandwidthDifference",
        "loudness_difference": "benchmarks.metrics.loudness:LoudnessDifference",
        "distillmos": "benchmarks.metrics.no_reference:DistillMos",
        "dnsmos_overall": "benchmarks.metrics.dnsmos:DnsmosOverall",
        "dnsmos_signal": "benchmarks.metrics.dnsmos:DnsmosSignal",
        "dnsmos_background": "benchmarks.metrics.dnsmos:DnsmosBackground",
        "plcmos": "benchmarks.metrics.dnsmos:PlcMos",
        "speech_share": "benchmarks.metrics.no_reference:SpeechShare",
    },
    "flowmac.metrics",
)
