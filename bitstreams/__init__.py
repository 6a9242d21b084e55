"""The format of rscodec streams. SPEC.md is the contract; this package is its one implementation."""
