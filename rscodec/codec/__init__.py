"""The learned codec: float transforms around an exact integer entropy path."""
