"""Tokenizers of the kinds that are supported, trained on a few lines, and the published templates.

Qwen's are byte-level BPE with its own way of parting text; Llama-2's is SentencePiece's BPE, with a
blank before a text and bytes for what it does not know.
"""

import json
from importlib.resources import files

import numpy as np
from gguf import GGUFWriter, TokenType
from tokenizers import (
    AddedToken,
    Regex,
    SentencePieceBPETokenizer,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

LINES = [
    "您好，您本期应还{amount_due}，请在{due_date}前还款。",
    "请问提前结清要多少钱？您可以在App「我的账单」中查看。",
    "我想提前还款，怎么操作，可以吗", "好的，谢谢您的来电，祝您生活愉快",
    "You are a service agent. Please repay before the due date, thank you.",
    "The settlement costs {settlement_total} today [INST] <<SYS>> assistant system user",
]  # fmt: skip
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}"
    "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
    "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + "
    "system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
    "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
"""As Llama-2-chat brings it."""
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
THOUGHTS = ["<think>", "</think>"]
"""Qwen3 adds them as words, not as special tokens."""


def published(name):
    """A template as its model brings it; trl keeps copies of Qwen's."""
    if name == "llama2":
        return LLAMA2
    return (files("trl") / "chat_templates" / f"{name}.jinja").read_text("utf-8")


def qwen(thinks):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens(SPECIAL)
    if thinks:
        tokenizer.add_tokens([AddedToken(one, normalized=False) for one in THOUGHTS])
    return tokenizer


def llama2(blank="Prepend"):
    """With the blank as a normaliser, as Llama-2's file has it, or as newer libraries write it."""
    learner = SentencePieceBPETokenizer(add_prefix_space=True)
    learner.train_from_iterator(LINES, vocab_size=420, show_progress=False)
    learnt = sorted(learner.get_vocab().items(), key=lambda one: one[1])
    words = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))]
    words += [word for word, _ in learnt if word not in words]
    merges = [tuple(one) for one in json.loads(learner.to_str())["model"]["merges"]]
    tokenizer = Tokenizer(models.BPE(
        {word: number for number, word in enumerate(words)}, merges,
        unk_token="<unk>", byte_fallback=True, fuse_unk=True,
    ))  # fmt: skip
    if blank == "Prepend":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", blank, split=False)
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ])  # fmt: skip
    special = [AddedToken(one, normalized=False, special=True) for one in words[:3]]
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def as_gguf(path, tokenizer, architecture, heads=2, kv_heads=2):
    """A model of one layer and random weights, with this tokenizer, as llama.cpp reads it."""
    words = [tokenizer.id_to_token(n) for n in range(tokenizer.get_vocab_size())]
    added = tokenizer.get_added_tokens_decoder()
    width, inner = 32, 48
    head = width // heads
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(len(words))
    _vocabulary(writer, tokenizer, words, added)
    shapes = {
        "token_embd": (len(words), width), "output": (len(words), width), "output_norm": (width,),
        "blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,),
        "blk.0.ffn_up": (inner, width), "blk.0.ffn_gate": (inner, width),
        "blk.0.ffn_down": (width, inner), "blk.0.attn_output": (width, width),
        "blk.0.attn_q": (width, width),
    } | {f"blk.0.attn_{part}": (kv_heads * head, width) for part in "kv"}  # fmt: skip
    rng = np.random.default_rng(1)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(0, 0.3, shape).astype(np.float32))
    if architecture == "qwen2":
        for part in "qkv":
            writer.add_tensor(f"blk.0.attn_{part}.bias", np.zeros(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary(writer, tokenizer, words, added):
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    kinds = [TokenType.NORMAL] * len(words)
    for number, one in added.items():
        kinds[number] = TokenType.CONTROL if one.special else TokenType.USER_DEFINED
    if "<s>" in words:
        kinds[0] = TokenType.UNKNOWN
        kinds[3:259] = [TokenType.BYTE] * 256
        place = {"".join(pair): -float(rank) for rank, pair in enumerate(merges)}
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([place.get(word, -1e6) for word in words])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(True)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges([" ".join(pair) for pair in merges])
        writer.add_eos_token_id(words.index("<|im_end|>"))
        writer.add_add_bos_token(False)
    writer.add_token_list(words)
    writer.add_token_types(kinds)
