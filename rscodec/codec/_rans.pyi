from numpy import ndarray

def encode(symbols: ndarray, indexes: ndarray, firsts: ndarray, starts: ndarray) -> bytes: ...
def decode(
    payload: bytes,
    state: int,
    at: int,
    indexes: ndarray,
    symbols: ndarray,
    firsts: ndarray,
    starts: ndarray,
    hints: ndarray,
    limit: int,
) -> tuple[int, int, int]: ...
