"""A model as people look at it: constants are initializers, no node only hands on a value, shapes are stated."""

from __future__ import annotations

import onnx

__all__ = ["tidy"]


def tidy(model: onnx.ModelProto) -> None:
    """Make initializers of constants, and remove nodes that hand on a value or that nothing uses."""
    graph = model.graph
    renamed: dict[str, str] = {}
    given, wanted = {value.name for value in graph.input}, {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
        if node.op_type == "Constant" and node.attribute[0].name == "value" and node.output[0] not in wanted:
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
        elif node.op_type == "Identity" and node.output[0] not in wanted:
            renamed[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    nodes = _without_last_identities(nodes, given | {tensor.name for tensor in graph.initializer}, wanted)
    del graph.node[:]
    graph.node.extend(nodes)


def _without_last_identities(nodes: list[onnx.NodeProto], given: set[str], wanted: set[str]) -> list[onnx.NodeProto]:
    """Let the nodes before them write the outputs that an Identity hands on."""
    taken: dict[str, str] = {}
    kept = []
    for node in nodes:
        source = node.input[0] if node.op_type == "Identity" else ""
        if source and source not in given | wanted and source not in taken:
            taken[source] = node.output[0]
        else:
            kept.append(node)
    for node in kept:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = taken.get(name, name)
    return kept
