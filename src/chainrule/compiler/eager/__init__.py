"""Eager calls through the emitter: each record's everyday call as one C-API function."""
