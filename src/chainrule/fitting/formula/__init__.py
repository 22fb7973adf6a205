"""Formulas fitted to data: exact derivatives, Levenberg–Marquardt, and what the data say of them."""
