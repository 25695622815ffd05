"""Showing: one theme, figures, tables, prose and pages. Values in, pictures and words out."""
