"""Golden logits of ops/nn: one tiny model of every family, run by transformers in float32.

Usage: oracle_nn.py DIR [NAME...]  writes DIR/NAME.json; oracle_nn.py --check DIR compares what is there with the
transformers that is installed. Weights are draws keyed by the tensor's name, which the Go
tests make themselves, so that no weights are stored.
"""
import sys, json, pathlib, copy, math, tempfile
try:
    import numpy as np, torch, transformers
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
except ImportError as e:
    print("skip:", e)
    sys.exit(0)
transformers.logging.set_verbosity_error()

def draws(name, n):
    """n of 32 levels from -1 to 15/16."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) & (2**64 - 1)
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(59)).astype(np.int64) - 16).astype(np.float32) / 16

def spec(name, shape, offset):
    """(base, scale) of a tensor."""
    last = name.split(".")[-2]
    if len(shape) == 1:
        if name.endswith("bias"):
            return 0.0, 0.25
        return (0.0 if offset else 1.0), 0.5
    if "embed" in name or last in ("wte", "wpe"):
        return 0.0, 0.5
    fan = shape[0] if last in ("c_attn", "c_proj", "c_fc") else shape[-1]
    return 0.0, 2.0 ** round(math.log2(2 * math.sqrt(3 / fan)))

BASE = dict(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, max_position_embeddings=64,
            pad_token_id=None, bos_token_id=1, eos_token_id=2)
def c(kind, **over):
    return dict(BASE, model_type=kind, **over)

LONG = dict(long_factor=[1.5 + i for i in range(8)], short_factor=[1 + i / 8 for i in range(8)])
CASES = {
    "llama": c("llama", num_key_value_heads=2, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
    "llama-bias": c("llama", num_key_value_heads=1, head_dim=12, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, hidden_act="gelu"),
    "llama-linear": c("llama", rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.5}),
    "llama-dynamic": c("llama", max_position_embeddings=16, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}),
    "llama3": c("llama", num_key_value_heads=3, head_dim=16, rope_parameters={"rope_type": "llama3", "rope_theta": 1e2, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 48}),
    "llama-yarn": c("llama", head_dim=16, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 4.0, "beta_slow": 1.0}),
    "llama-yarn-mscale": c("llama", head_dim=16, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.7, "mscale_all_dim": 1.3, "truncate": False}),
    "llama-proportional": c("llama", head_dim=16, rope_parameters={"rope_type": "proportional", "rope_theta": 1e4, "factor": 2.0, "partial_rotary_factor": 0.5}),
    "mistral": c("mistral", num_key_value_heads=2, sliding_window=8),
    "qwen2": c("qwen2", num_key_value_heads=2, use_sliding_window=True, sliding_window=8, max_window_layers=1),
    "qwen3": c("qwen3", num_key_value_heads=2, head_dim=16),
    "gemma": c("gemma", num_key_value_heads=1, head_dim=16),
    "gemma-act": c("gemma", num_key_value_heads=1, head_dim=16, hidden_act="silu", hidden_activation="gelu_pytorch_tanh"),
    "gemma2": c("gemma2", num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=24, sliding_window=8, attn_logit_softcapping=5.0, final_logit_softcapping=3.0),
    "gemma3": c("gemma3_text", num_key_value_heads=2, head_dim=16, num_hidden_layers=4, query_pre_attn_scalar=16, sliding_window=8, sliding_window_pattern=3, rope_scaling={"rope_type": "linear", "factor": 4.0}),
    "phi3": c("phi3", num_key_value_heads=2, sliding_window=8, partial_rotary_factor=0.5),
    "phi3-longrope": c("phi3", num_key_value_heads=2, head_dim=16, hidden_size=96, original_max_position_embeddings=16, rope_scaling=dict(LONG, type="longrope")),
    "phi3-longrope-factor": c("phi3", num_key_value_heads=2, head_dim=16, hidden_size=96, rope_scaling=dict(LONG, type="longrope", factor=2.0, original_max_position_embeddings=8)),
    "smollm3": c("smollm3", num_key_value_heads=2, num_hidden_layers=4),
    "olmo2": c("olmo2", num_key_value_heads=2),
    "granite": c("granite", num_key_value_heads=2, embedding_multiplier=6.0, attention_multiplier=0.25, residual_multiplier=0.375, logits_scaling=4.0),
    "stablelm": c("stablelm", num_key_value_heads=2, hidden_size=96, use_qkv_bias=True),
    "stablelm-parallel": c("stablelm", num_key_value_heads=2, hidden_size=96, qk_layernorm=True, use_parallel_residual=True),
    "gpt2": dict(model_type="gpt2", vocab_size=96, n_embd=48, n_layer=3, n_head=6, n_positions=64, scale_attn_by_inverse_layer_idx=True, bos_token_id=1, eos_token_id=2),
    "gpt_neox": c("gpt_neox", hidden_size=96),
    "gpt_neox-sequential": c("gpt_neox", hidden_size=96, use_parallel_residual=False, rotary_pct=0.5, rotary_emb_base=1000),
    "opt": dict(model_type="opt", vocab_size=96, hidden_size=48, ffn_dim=80, num_hidden_layers=3, num_attention_heads=6, max_position_embeddings=64, word_embed_proj_dim=48),
    "opt-post": dict(model_type="opt", vocab_size=96, hidden_size=48, ffn_dim=80, num_hidden_layers=3, num_attention_heads=6, max_position_embeddings=64, word_embed_proj_dim=32, do_layer_norm_before=False),
    "opt-bare": dict(model_type="opt", vocab_size=96, hidden_size=48, ffn_dim=80, num_hidden_layers=2, num_attention_heads=6, max_position_embeddings=64, word_embed_proj_dim=48, _remove_final_layer_norm=True),
    "bert": c("bert"),
    "mixtral": c("mixtral", num_key_value_heads=2, num_local_experts=5, num_experts_per_tok=2),
    "qwen3_moe": c("qwen3_moe", num_key_value_heads=2, head_dim=16, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=24, norm_topk_prob=True, mlp_only_layers=[1]),
    "qwen3_moe-plain": c("qwen3_moe", num_key_value_heads=2, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24, decoder_sparse_step=2),
}

def tokens(name, n, vocab):
    return [int(t) for t in ((draws(name, 2 * n)[:n] + 1) * 16 + 32 * ((draws(name + "'", n) + 1) * 16 % 3)) % vocab]

def build(config):
    cfg = AutoConfig.for_model(**copy.deepcopy(config))
    cfg._attn_implementation = "eager"
    kind = AutoModel if config["model_type"] == "bert" else AutoModelForCausalLM
    m = kind.from_config(cfg, attn_implementation="eager", dtype=torch.float32).eval()
    if config["model_type"] == "bert":
        m.pooler = None
    offset = config["model_type"].startswith("gemma")
    table, state = {}, m.state_dict()
    tied = cfg.tie_word_embeddings
    for k, v in state.items():
        if tied and k in ("lm_head.weight", "embed_out.weight"):
            continue
        base, scale = spec(k, v.shape, offset)
        table[k] = [list(v.shape), base, scale]
        v.copy_(torch.from_numpy(base + scale * draws(k, v.numel())).reshape(v.shape))
    m.load_state_dict(state)
    return m, table

def main(out, names):
    out.mkdir(parents=True, exist_ok=True)
    for name in names or CASES:
        config = CASES[name]
        m, table = build(config)
        seqs = [tokens(name + s, n, 96) for s, n in (("a", 40), ("b", 7))]
        answers = []
        for s in seqs:
            with torch.no_grad():
                o = m(torch.tensor([s]))
            if config["model_type"] == "bert":
                x = o.last_hidden_state[0]
                answers.append({"tokens": s, "hidden": {str(i): [float(f"{v:.7g}") for v in x[i]] for i in (0, len(s) - 1)}})
                continue
            z = o.logits[0].double()
            lp = z.log_softmax(-1)
            answers.append({
                "tokens": s, "std": float(f"{z.std():.5g}"),
                "logprob": [float(f"{lp[i, t]:.8g}") for i, t in enumerate(s[1:])],
                "entropy": [float(f"{-(lp[i].exp() * lp[i]).sum():.8g}") for i in range(len(s) - 1)],
                "logits": {str(i): [float(f"{v:.8g}") for v in z[i]] for i in (len(s) // 2, len(s) - 1)},
            })
        text = json.dumps({"config": config, "tensors": table, "answers": answers}, separators=(",", ":"))
        (out / f"{name}.json").write_text(text.replace('"tensors"', '\n"tensors"').replace('"answers"', '\n"answers"') + "\n")

def numbers(x):
    if isinstance(x, dict):
        x = [x[k] for k in sorted(x)]
    return [n for v in x for n in numbers(v)] if isinstance(x, list) else [x]

def check(there):
    bad = 0
    with tempfile.TemporaryDirectory() as d:
        main(pathlib.Path(d), [])
        for name in CASES:
            old, new = (json.loads((pathlib.Path(p) / f"{name}.json").read_text()) for p in (there, d))
            a, b = numbers(old["answers"]), numbers(new["answers"])
            off = max(abs(x - y) for x, y in zip(a, b)) if len(a) == len(b) else math.inf
            same = old["config"] == new["config"] and old["tensors"] == new["tensors"]
            bad += not (same and off < 5e-5)
            print(("ok   " if same and off < 5e-5 else "FAIL "), f"transformers {transformers.__version__} and the golden of {name} are {off:.1e} apart")
    sys.exit(bad > 0)

if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(sys.argv[2])
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
