"""Merges and stacks tiny models of many families.

oracle_families.py ROUX: transformers makes three models of each family; roux merges them, and stacks layers of two,
modules one by one where there are several; transformers must find every tensor of the results, and a merge must be
what the weights come to.
"""

import os
import subprocess
import sys
import tempfile
import warnings

try:
    import torch
    import transformers as hf

    warnings.filterwarnings("ignore")
    hf.logging.set_verbosity_error()
    hf.utils.logging.disable_progress_bar()
except ImportError as missing:
    print(f"skip: {missing}")
    sys.exit(0)

VOCAB = 64
TEXT = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, vocab_size=VOCAB,
            max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)
BERT = dict(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=48, max_position_embeddings=66)
PAIR = dict(vocab_size=VOCAB, d_model=32, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4,
            encoder_ffn_dim=48, decoder_ffn_dim=48, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
EYES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=16, patch_size=8)
EXPERTS = dict(moe_intermediate_size=16, num_experts_per_tok=2)

# of each family: the class, its config, and which modules have layers
FAMILIES = {
    "llama tied": ("LlamaForCausalLM", lambda: hf.LlamaConfig(**TEXT, tie_word_embeddings=True), None),
    "qwen2": ("Qwen2ForCausalLM", lambda: hf.Qwen2Config(**TEXT), None),
    "gemma2": ("Gemma2ForCausalLM", lambda: hf.Gemma2Config(**TEXT, head_dim=8), None),
    "gpt2": ("GPT2LMHeadModel", lambda: hf.GPT2Config(vocab_size=VOCAB, n_positions=64, n_embd=32, n_layer=4, n_head=4), None),
    "falcon": ("FalconForCausalLM", lambda: hf.FalconConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=4, num_attention_heads=4), None),
    "gpt-oss": ("GptOssForCausalLM", lambda: hf.GptOssConfig(**TEXT, head_dim=8, num_local_experts=4, num_experts_per_tok=2), None),
    "mixtral": ("MixtralForCausalLM", lambda: hf.MixtralConfig(**TEXT, num_local_experts=4), None),
    "qwen3 moe": ("Qwen3MoeForCausalLM", lambda: hf.Qwen3MoeConfig(**TEXT, **EXPERTS, head_dim=8, num_experts=4), None),
    "deepseek 3": ("DeepseekV3ForCausalLM", lambda: hf.DeepseekV3Config(
        **{**TEXT, "num_key_value_heads": 4}, **EXPERTS, n_routed_experts=4, n_shared_experts=1, q_lora_rank=16, kv_lora_rank=16,
        qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=8, n_group=1, topk_group=1, first_k_dense_replace=1), None),
    "smollm3": ("SmolLM3ForCausalLM", lambda: hf.SmolLM3Config(**TEXT), None),
    "bert": ("BertForMaskedLM", lambda: hf.BertConfig(**BERT), None),
    "bert classifier": ("BertForSequenceClassification", lambda: hf.BertConfig(**BERT), None),
    "roberta": ("RobertaForMaskedLM", lambda: hf.RobertaConfig(**BERT), None),
    "distilbert": ("DistilBertForMaskedLM", lambda: hf.DistilBertConfig(vocab_size=VOCAB, dim=32, hidden_dim=48, n_layers=4, n_heads=4), None),
    "vit": ("ViTForImageClassification", lambda: hf.ViTConfig(**EYES), None),
    "t5": ("T5ForConditionalGeneration", lambda: hf.T5Config(vocab_size=VOCAB, d_model=32, d_kv=8, d_ff=48, num_layers=3, num_decoder_layers=3, num_heads=4), ["encoder", "decoder"]),
    "bart": ("BartForConditionalGeneration", lambda: hf.BartConfig(**PAIR, max_position_embeddings=64), ["encoder", "decoder"]),
    "whisper": ("WhisperForConditionalGeneration", lambda: hf.WhisperConfig(**PAIR, num_mel_bins=8, max_source_positions=16, max_target_positions=16), ["encoder", "decoder"]),
    "llava": ("LlavaForConditionalGeneration", lambda: hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**EYES, projection_dim=16), text_config=hf.LlamaConfig(**TEXT), image_token_index=5), ["text_decoder", "vision_tower"]),
    "gemma3": ("Gemma3ForConditionalGeneration", lambda: hf.Gemma3Config(
        text_config=dict(**TEXT, head_dim=8), vision_config=EYES, mm_tokens_per_image=4), ["text_decoder", "vision_tower"]),
    "qwen2 vl": ("Qwen2VLForConditionalGeneration", lambda: hf.Qwen2VLConfig(
        text_config=dict(**TEXT, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}),
        vision_config=dict(depth=3, embed_dim=32, num_heads=4, hidden_size=32, patch_size=4)), ["text_decoder", "vision_tower"]),
}


def make(name, config):
    """Writes a base and two fine-tunes."""
    torch.manual_seed(1)
    model = name(config)
    with torch.no_grad():
        for tuned in ("a", "b"):
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.02)
            model.save_pretrained(tuned)


def slices(*ranges):
    return "[" + ", ".join("{sources: [{model: %s, layer_range: [%d, %d]}]}" % r for r in ranges) + "]"


def stacking(modules):
    if modules is None:
        return "merge_method: passthrough\nslices: " + slices(("a", 0, 2), ("b", 1, 3))
    lines = [f"  {m}: {{slices: {slices(('a', 0, 2 + i), ('b', 1, 3))}}}" for i, m in enumerate(modules)]
    return "merge_method: passthrough\nbase_model: a\nmodules:\n" + "\n".join(lines)


def load(cls, path):
    model, found = cls.from_pretrained(path, output_loading_info=True)
    return model, {k: sorted(map(str, v))[:3] for k, v in found.items() if v}


def main(roux):
    wrong = 0
    for name, (cls, config, modules) in FAMILIES.items():
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            cls = getattr(hf, cls)
            make(cls, config())
            files = {"merged": "merge_method: linear\nmodels: [{model: a, parameters: {weight: 3}}, {model: b, parameters: {weight: 1}}]", "stacked": stacking(modules)}
            for out, text in files.items():
                with open(out + ".yml", "w") as f:
                    f.write(text)
                run = subprocess.run([roux, "run", out + ".yml", "-o", out, "-q", "--cache", "cache"], capture_output=True, text=True)
                if run.returncode:
                    wrong += 1
                    print(f"FAIL {name}, {out}: {run.stderr}")
                    continue
                model, bad = load(cls, out)
                if out == "merged":
                    a, b, m = (x.state_dict() for x in (cls.from_pretrained("a"), cls.from_pretrained("b"), model))
                    off = [k for k in m if m[k].is_floating_point() and not torch.allclose(m[k], 0.75 * a[k] + 0.25 * b[k], atol=1e-6)]
                    if off:
                        bad["off"] = off[:3]
                wrong += bool(bad)
                print(f"{'FAIL' if bad else 'ok  '} {name}, {out} {bad or ''}")
            os.chdir("/")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
