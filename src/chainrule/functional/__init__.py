"""torch.* functions: each normalises its arguments and applies one record."""
