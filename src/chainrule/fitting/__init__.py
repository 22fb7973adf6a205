"""Fits: from a formula or a table to a trained model, its history, checkpoints and files."""
