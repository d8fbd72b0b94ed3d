"""A small model of e5's build, as the file that pip carries, and the same in transformers."""

import struct

import numpy as np
import torch
from transformers import BertConfig, BertModel

WIDTH, DEPTH, HEADS, WIDE, PLACES = 32, 12, 2, 64, 40
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "query", ":", "花", "呗", "花呗", "还", "a"]
REWRITTEN = {"Ａ": "a", "\u3000": " "}
NAMES = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip


def write(path, seed=5):
    """The file, and the model whose weights it holds."""
    random = np.random.default_rng(seed)
    tensors, state = {}, {}

    def matrix(ours, theirs, rows, columns):
        whole = random.integers(-8, 8, (rows, columns // 32, 32))
        scale = np.full((rows, columns // 32, 1), 2.0**-6, "<f2")
        packed = (whole[..., :16] + 8) | ((whole[..., 16:] + 8) << 4)
        blocks = np.concatenate([scale.view(np.uint8), packed.astype(np.uint8)], -1)
        tensors[ours] = (1, rows * columns, blocks.tobytes())
        state[theirs] = torch.tensor(whole.reshape(rows, columns) * 2.0**-6, dtype=torch.float32)

    def floats(ours, theirs, *shape, about=0.0):
        values = (about + 0.1 * random.normal(size=shape)).astype("<f4")
        tensors[ours] = (0, values.size, values.tobytes())
        state[theirs] = torch.from_numpy(values)

    matrix("emb.word", "embeddings.word_embeddings.weight", len(PIECES), WIDTH)
    floats("emb.pos", "embeddings.position_embeddings.weight", PLACES, WIDTH)
    floats("emb.type", "embeddings.token_type_embeddings.weight", 2, WIDTH)
    norms = {"emb.ln": "embeddings.LayerNorm"}
    for number in range(DEPTH):
        for ours, theirs in NAMES.items():
            mine, its = f"l{number}.{ours}", f"encoder.layer.{number}.{theirs}"
            if ours.endswith("ln"):
                norms[mine] = its
                continue
            rows, columns = {"fi": (WIDE, WIDTH), "fo": (WIDTH, WIDE)}.get(ours, (WIDTH, WIDTH))
            matrix(f"{mine}.w", f"{its}.weight", rows, columns)
            floats(f"{mine}.b", f"{its}.bias", rows)
    for mine, its in norms.items():
        floats(f"{mine}.w", f"{its}.weight", WIDTH, about=1.0)
        floats(f"{mine}.b", f"{its}.bias", WIDTH)
    path.write_bytes(_file(tensors))
    shape = BertConfig(
        vocab_size=len(PIECES), hidden_size=WIDTH, num_hidden_layers=DEPTH,
        num_attention_heads=HEADS, intermediate_size=WIDE, max_position_embeddings=PLACES,
        layer_norm_eps=1e-12,
    )  # fmt: skip
    model = BertModel(shape, add_pooling_layer=False).eval()
    model.load_state_dict(state, strict=False)
    return model


def _file(tensors):
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, DEPTH, HEADS, WIDE, 12, PLACES, 2, 1e-12, 32)
    blobs = [one.encode() for one in PIECES]
    ends = np.cumsum([0, *map(len, blobs)])
    scores = [0.0] * 4 + [-float(n) for n in range(1, len(PIECES) - 3)]
    scores[PIECES.index("花呗")] = -0.5
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, ends[-1])
    head += ends.astype("<u4").tobytes() + np.array(scores, "<f4").tobytes() + b"".join(blobs)
    table = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(one), len(to), *map(ord, to))
        for one, to in REWRITTEN.items()
    )
    head += struct.pack("<iI", len(REWRITTEN), len(table)) + table
    entries = sum(2 + len(name) + 21 for name in tensors)
    at, told, held = len(head) + 4 + entries, b"", b""
    for name, (kind, count, data) in tensors.items():
        told += struct.pack("<H", len(name)) + name.encode()
        told += struct.pack("<BIQQ", kind, count, at + len(held), len(data))
        held += data
    return head + struct.pack("<i", len(tensors)) + told + held
