"""Sweeps: codecs x settings x clips to rows of measured scores."""
