"""A Qwen3-shaped model of random weights, and a tokenizer of single characters."""

import numpy as np
import torch
from gguf import GGUFWriter
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import Qwen3Config, Qwen3ForCausalLM

from fine_tune.lessons.samples import Lesson, Reply
from fine_tune.network.attention import register
from finmodel.assistant.template import FAMILIES, Message

FAMILY = FAMILIES["chatml_thinking"]
CONTROL = ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]
VOCABULARY = 300
SCRIPTS = ("您本期应还{amount_due}", "请在{due_date}前还款", "提前结清共{settlement_total}")


def encode(text, control):
    """A token for each control word where they are read, else one for each character."""
    found, at = [], 0
    while at < len(text):
        word = next((w for w in CONTROL if control and text.startswith(w, at)), None)
        if word is None:
            found.append(4 + ord(text[at]) % (VOCABULARY - 4))
            at += 1
        else:
            found.append(CONTROL.index(word))
            at += len(word)
    return found


def small_model(attention=None, dtype=torch.float32, layers=2, seed=0, vocabulary=VOCABULARY):
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=vocabulary, hidden_size=64, intermediate_size=96, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=2048,
        tie_word_embeddings=True,
    )  # fmt: skip
    config._attn_implementation = attention or register()
    return Qwen3ForCausalLM(config).to(dtype)


def lesson(number, turns=3, seed=0):
    rng = np.random.default_rng([seed, number])

    def words(least, most):
        size = rng.integers(least, most)
        return "".join(chr(0x4E00 + x) for x in rng.integers(0, 200, size))

    messages = [Message("system", words(10, 30))]
    replies = []
    for _ in range(turns):
        messages.append(Message("user", words(5, 40)))
        replies.append(Reply(len(messages), SCRIPTS[int(rng.integers(3))], script="s1"))
        messages.append(Message("assistant", words(5, 40)))
    return Lesson(f"c{number}", tuple(messages), tuple(replies))


def small_base(folder, texts):
    """A base's directory: this model, and a tokenizer of the single characters of some texts."""
    signs = sorted({sign for text in texts for sign in text})
    words = [*CONTROL, "[?]", *signs]
    tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(words)}, unk_token="[?]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(CONTROL)
    model = small_model(layers=1, vocabulary=len(words))
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text("<|im_start|>")
    return folder


def qwen2_gguf(path, rng, context=128):
    """A Qwen2 of one layer, written by the library of llama.cpp."""
    words = ["<|im_start|>", "<|im_end|>", *map(chr, range(0x21, 0x7F)), "!!"]
    width, heads, inner, head = 32, 2, 48, 16
    writer = GGUFWriter(path, "qwen2")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    writer.add_token_types([3, 3, *([1] * (len(words) - 2))])
    writer.add_token_merges(["! !"])
    writer.add_eos_token_id(1)
    writer.add_chat_template("{{ '<|im_start|>' + messages[0].role }}")
    shapes = {
        "token_embd": (len(words), width), "output": (len(words), width), "output_norm": (width,),
        "blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,),
        "blk.0.ffn_up": (inner, width), "blk.0.ffn_gate": (inner, width),
        "blk.0.ffn_down": (width, inner), "blk.0.attn_output": (width, width),
    }  # fmt: skip
    for part in "qkv":
        shapes[f"blk.0.attn_{part}"] = (heads * head, width)
    tensors = {f"{k}.weight": rng.normal(0, 0.3, s).astype(np.float16) for k, s in shapes.items()}
    tensors |= {f"blk.0.attn_{p}.bias": np.zeros(width, np.float32) for p in "qkv"}
    for name, values in tensors.items():
        norm = "norm" in name
        writer.add_tensor(name, values.astype(np.float32) + 1 if norm else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
