"""Whole training steps, compiled: chainrule against PyTorch (eager and compiled) and JAX.

One file per workload states the claim and holds both definitions: `build`, for any module with PyTorch's
API, and `in_jax`. Initial weights and data come from NumPy with a fixed seed: every library must find the
same first 20 losses, to a relative 1e-4 in single precision. A row in which they differ counts as failed.
"""
