"""How large a tiny model is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Widths and depths of the text tower and of the vision tower; the defaults give about 0.4 M parameters.

    `inner` is the width of the text tower's feed-forward layers. The standard deviation `std` of the random weights is large
    enough that replies depend on the prompt.
    """

    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    inner: int = 128
    vision_hidden: int = 32
    vision_layers: int = 2
    std: float = 0.1


SMALL = Size()
