"""Edits of a `.tflite`: weights in line, room for biases, bytes in and out."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from actzoo.tflite.graph import IDENTIFIER, _text

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, OperatorT, SubGraphT, TensorT


def pack(model: ModelT) -> bytes:
    """Return the bytes of a model object, weights inside the flatbuffer.

    litert-quantizer stores weights after the flatbuffer, at an offset; tools that write metadata
    (MediaPipe) repack the file and lose them. A file is ours only after this.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def inline_weights(data: bytes) -> bytes:
    """Move buffers that follow the flatbuffer into it; see `pack`."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    if all(buffer.offset <= 1 for buffer in model.buffers):
        return data
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return pack(model)


def with_room_for_biases(data: bytes, quantized: bytes) -> bytes | None:
    """Return a float file whose 8-bit form keeps its biases; None where that form does already.

    The step of a bias is that of the input times that of the channel's weights. Where those are
    almost 0 (a folded normalization whose gamma went to 0), a bias takes more steps than 32 bits
    count, and the quantizer lets it wrap. One weight of the channel is raised until it takes 2^30:
    that changes the channel by a 30,000th of its bias at most.

    Args:
        data: The float file.
        quantized: The 8-bit file made of it.
    """
    from ai_edge_litert import schema_py_generated as schema

    plain = schema.ModelT.InitFromPackedBuf(data, 0)
    by_name = {tensor.name: tensor for tensor in plain.subgraphs[0].tensors}
    eight = schema.ModelT.InitFromPackedBuf(quantized, 0)
    changed = False
    for op in eight.subgraphs[0].operators:
        weighted = _weighted(schema, eight, op)
        if weighted is None:
            continue
        entry, weights, bias = weighted
        kernel, offset = by_name.get(weights.name), by_name.get(bias.name)
        steps = eight.buffers[bias.buffer].data
        if kernel is None or offset is None or steps is None:
            continue
        full = np.abs(np.frombuffer(bytes(steps), "<i4").astype("int64")) >= 2**31 - 1
        if full.any():
            biases = np.frombuffer(bytes(plain.buffers[offset.buffer].data), "<f4")
            least = 127 * np.abs(biases) / (entry.quantization.scale[0] * 2**30)
            axis = weights.quantization.quantizedDimension
            _raise_weights(plain, kernel, axis, {int(k): least[k] for k in np.flatnonzero(full)})
            changed = True
    return pack(plain) if changed else None


def _weighted(
    schema: ModuleType, model: ModelT, op: OperatorT
) -> tuple[TensorT, TensorT, TensorT] | None:
    """Return input, 8-bit weights and bias of an operator; None where it has no such."""
    tensors = model.subgraphs[0].tensors
    inputs = [tensors[i] for i in op.inputs if i >= 0]
    if len(inputs) < 3 or inputs[-1].type != schema.TensorType.INT32:
        return None
    entry, weights, bias = inputs[-3:]
    if weights.type != schema.TensorType.INT8:
        return None
    if len(inputs) == 4:  # a transposed convolution: size, weights, input, bias
        entry, weights = weights, entry
    return entry, weights, bias


def _raise_weights(
    model: ModelT, kernel: TensorT, axis: int, least: Mapping[int, np.float32]
) -> None:
    """Raise the largest weight of some channels (number -> least size) of a float kernel."""
    values = np.frombuffer(bytes(model.buffers[kernel.buffer].data), "<f4").copy()
    rows = np.moveaxis(values.reshape(kernel.shape), axis, 0)
    for channel, size in least.items():
        place = np.unravel_index(np.abs(rows[channel]).argmax(), rows[channel].shape)
        size = max(size, abs(rows[channel][place]))  # another operator may have raised it
        rows[channel][place] = np.copysign(size, rows[channel][place])
    model.buffers[kernel.buffer].data = np.frombuffer(values.tobytes(), np.uint8)


def with_uint8_io(data: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """Give a file with float inputs and output uint8 ones.

    Inputs take pixels `[0, 255]` as they are (scale 1 where the range is that); the output is
    probability times 256, the scale a phone's libraries expect of a softmax.

    Args:
        data: The file.
        ranges: Input name -> lowest and highest value.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    before, after = [], []
    for entry in signature.inputs:
        low, high = ranges.get(_text(entry.name), (0.0, 255.0))
        scale = (high - low) / 255.0
        old = entry.tensorIndex
        new = _eight_bit_copy(schema, graph, old, scale, round(-low / scale))
        before.append(_operator(schema, model, "DEQUANTIZE", new, old))
        graph.inputs = [new if i == old else i for i in graph.inputs]
        entry.tensorIndex = new
    for entry in signature.outputs:
        old = entry.tensorIndex
        new = _eight_bit_copy(schema, graph, old, 1 / 256.0, 0)
        after.append(_operator(schema, model, "QUANTIZE", old, new))
        graph.outputs = [new if i == old else i for i in graph.outputs]
        entry.tensorIndex = new
    graph.operators = [*before, *graph.operators, *after]
    return pack(model)


def _eight_bit_copy(
    schema: ModuleType, graph: SubGraphT, index: int, scale: float, zero: int
) -> int:
    tensor = schema.TensorT()
    old = graph.tensors[index]
    tensor.name = _text(old.name).split(":")[0].encode() + b"_uint8"
    tensor.shape, tensor.shapeSignature = old.shape, old.shapeSignature
    tensor.hasRank, tensor.buffer, tensor.type = True, 0, schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(schema: ModuleType, model: ModelT, name: str, source: int, target: int) -> OperatorT:
    number = getattr(schema.BuiltinOperator, name)
    numbers = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    if number in numbers:
        position = numbers.index(number)
    else:
        code = schema.OperatorCodeT()
        code.builtinCode = number
        code.deprecatedBuiltinCode = min(number, 127)
        code.version = 1
        model.operatorCodes.append(code)
        position = len(model.operatorCodes) - 1
    op = schema.OperatorT()
    op.opcodeIndex, op.inputs, op.outputs = position, [source], [target]
    return op
