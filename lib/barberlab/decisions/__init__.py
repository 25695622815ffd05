"""What should be done, and how sure are we? Draws and costs in; an action, its expected value and its chance out."""
