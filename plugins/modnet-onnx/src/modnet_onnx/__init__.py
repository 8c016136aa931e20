"""modnet-onnx: trained networks of modnet as ONNX models, with the transforms of their raw rows."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
