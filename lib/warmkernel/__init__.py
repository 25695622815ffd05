"""Jupyter kernels that start warm: forked from a process that has already imported the heavy libraries.

Nothing here is meant to be imported by a notebook. Jupyter finds `provisioner` and Papermill finds `engine` by their
entry points; `python -m warmkernel install` registers the kernelspec.
"""
