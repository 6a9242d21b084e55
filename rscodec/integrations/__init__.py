"""The codec inside the tools that people already use: one file each, one extra each, and no torch before pixels."""
