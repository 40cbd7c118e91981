"""Training of the codec and of the vocoder. Needs the extra ``train``."""
