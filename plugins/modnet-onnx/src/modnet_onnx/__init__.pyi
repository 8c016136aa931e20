from .errors import ExportError as ExportError
from .export import to_onnx as to_onnx
from .transforms import trace_transform as trace_transform
