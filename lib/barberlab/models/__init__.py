"""Estimating: what the numbers say about the shops behind them, with how sure that is."""
