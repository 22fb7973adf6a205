"""Runs PyTorch's scripts and notebooks on chainrule, in a process where ``torch`` means ``chainrule``."""
