"""What everything generative shares: how noise is added, and how it is taken away again."""
