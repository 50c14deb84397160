"""The engine against servers that lie, stall and flood."""
