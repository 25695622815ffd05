"""Serving: published pages at once, behind one gate; a kernel only for what needs one."""
