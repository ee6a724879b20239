"""Loads what roux wrote with the tools that people use, and says what differs."""
import sys, json, pathlib

def need(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"skip: the Python package {name} is not installed")
        return None

torch, transformers = need("torch"), need("transformers")
if not (torch and transformers):
    sys.exit(0)
from safetensors.torch import load_file
root = pathlib.Path(sys.argv[1])
bad = 0

def check(ok, what):
    global bad
    bad += not ok
    print(("ok   " if ok else "FAIL ") + what)

ids = torch.arange(3, 40)[None]
for d in sorted(p.parent for p in root.rglob("config.json")):
    cfg = json.loads((d / "config.json").read_text())
    if "quantization_config" in cfg or cfg["model_type"] == "deepseek":
        continue
    m, info = transformers.AutoModelForCausalLM.from_pretrained(d, output_loading_info=True)
    logits = m(ids).logits
    check(not info["missing_keys"] and not info["unexpected_keys"] and bool(torch.isfinite(logits).all()), f"transformers loads and runs {d.name}")

class Mixture(torch.nn.Module):
    """A layer of DeepSeekMoE (arXiv:2401.06066), with weights of the chosen experts that sum to one."""
    def __init__(self, weights, cfg):
        super().__init__()
        self.w, self.cfg = weights, cfg
    def expert(self, name, x):
        w = lambda part: self.w[name + part + "_proj.weight"]
        return (torch.nn.functional.silu(x @ w("gate").T) * (x @ w("up").T)) @ w("down").T
    def forward(self, x):
        share = torch.softmax(x @ self.w["gate.weight"].T, -1)
        top, at = share.topk(self.cfg["num_experts_per_tok"], -1)
        top = top / top.sum(-1, keepdim=True)
        y = sum((top * (at == e)).sum(-1, keepdim=True) * self.expert(f"experts.{e}.", x) for e in range(self.cfg["n_routed_experts"]))
        return y + self.expert("shared_experts.", x) if self.cfg["n_shared_experts"] else y

def deepseek(d):
    """transformers 5.24 has no first DeepSeek but by code from the Hub: a llama with its MLPs replaced is the same network."""
    cfg = json.loads((d / "config.json").read_text())
    w = {k: v.float() for k, v in load_file(d / "model.safetensors").items()}
    m = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{k: v for k, v in cfg.items() if k not in ("model_type", "auto_map", "architectures")}))
    for i, layer in enumerate(m.model.layers):
        prefix = f"model.layers.{i}.mlp."
        layer.mlp = Mixture({k[len(prefix):]: w.pop(k) for k in list(w) if k.startswith(prefix)}, cfg)
    missing, unexpected = m.load_state_dict(w, strict=False)
    return m.float().eval(), [k for k in missing if k != "lm_head.weight"], unexpected

def logits(d):
    return transformers.AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32).eval()(ids).logits.detach()

def agree(a, b, what):
    off = float((a - b).abs().max() / b.abs().max())
    check(off < 1e-4, f"{what}: largest difference {off:.1e} of the largest logit")

dense = logits(root / "base")
agree(logits(root / "mixtral-fused"), logits(root / "mixtral"), "fused and single experts are one mixture")
agree(logits(root / "mixtral-again"), logits(root / "mixtral"), "moe.unstack is the reverse of moe.stack")
agree(logits(root / "mixtral-same"), dense, "a Mixtral of equal experts is the dense model")
agree(logits(root / "qwen3-moe-same"), logits(root / "q3"), "a Qwen3-MoE of equal experts is the dense model")
agree(logits(root / "qwen3-moe-fused"), logits(root / "q3"), "so it is when it is fused")
for name in ["deepseek", "deepseek-same"]:
    m, missing, unexpected = deepseek(root / name)
    got = m(ids).logits.detach()
    check(not missing and not unexpected and bool(torch.isfinite(got).all()), f"{name} has the names and shapes of DeepSeekMoE and runs")
agree(got, dense, "a DeepSeek of equal experts is the dense model")

if need("compressed_tensors"):
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
    for d in sorted(p.parent for p in root.rglob("config.json")):
        cfg = json.loads((d / "config.json").read_text())
        q = cfg.get("quantization_config")
        if not q:
            continue
        from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme
        from compressed_tensors.compressors.base import BaseCompressor
        qc = QuantizationConfig.model_validate(q)
        scheme = list(qc.config_groups.values())[0]
        scheme = scheme if isinstance(scheme, QuantizationScheme) else QuantizationScheme.model_validate(scheme)
        comp = BaseCompressor.load_from_registry(q["format"] if q["format"] == "pack-quantized" else "int-quantized")
        w = load_file(d / "model.safetensors")
        plain = load_file(root / (d.name + "-plain") / "model.safetensors")
        n = off = 0
        for name in [k[:-len("_scale")] for k in w if k.endswith("_scale")]:
            part = {k[len(name) - len("weight"):]: v for k, v in w.items() if k == name or k.startswith(name + "_")}
            out = comp.decompress(part, scheme)["weight"]
            n += 1
            off += not torch.equal(out, plain[name])
        check(n > 0 and off == 0, f"compressed-tensors decompresses {n} tensors of {d.name} to roux's values")
        if q["format"] == "pack-quantized" and not scheme.weights.symmetric:
            print(f"skip: transformers 5.24 lays out packed zero points in another shape than compressed-tensors 0.20 writes ({d.name})")
            continue
        try:
            m = transformers.AutoModelForCausalLM.from_pretrained(d)
            check(bool(torch.isfinite(m(ids).logits).all()), f"transformers loads and runs {d.name}")
        except ImportError as e:
            print("skip:", e)

if need("peft"):
    import peft
    base = transformers.AutoModelForCausalLM.from_pretrained(root.parent.parent / "testdata/models/base" if not (root / "base").exists() else root / "base", dtype=torch.float32)
    m = peft.PeftModel.from_pretrained(base, root / "lora").merge_and_unload()
    tuned = load_file(root / "tuned" / "model.safetensors")
    worst = max(float((m.state_dict()[k] - v.float()).norm() / v.float().norm()) for k, v in tuned.items())
    check(worst < 5e-3, f"PEFT applies the extracted adapter: relative difference {worst:.2e}")
    ref = peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained(root / "base", dtype=torch.float32), root / "sums-lora").merge_and_unload()
    worst = max(float((ref.state_dict()[k] - v.float()).abs().max() / v.float().abs().max()) for k, v in tuned.items())
    check(worst < 2 ** -8, f"roux applies an adapter as PEFT does: largest difference {worst:.2e} of the largest weight")
    measured = {}
    for line in (root.parent / "oracle.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "Measured":
            measured[event["data"]["step"]] = event["data"]["values"]
    for name, tuned in (("energy", "sums"), ("threshold", "lists"), ("ties", None)):
        base = transformers.AutoModelForCausalLM.from_pretrained(root / "base", dtype=torch.float32)
        m = peft.PeftModel.from_pretrained(base, root / name)
        held = set(load_file(root / name / "adapter_model.safetensors"))
        check(held == set(peft.get_peft_model_state_dict(m)), f"PEFT finds every tensor of {name}, and no other")
        loose = m(ids).logits
        merged = m.merge_and_unload()
        got = merged.state_dict()
        if name != "energy": # whose factored embedding reaches the tied head only once it is merged
            check(torch.allclose(loose, merged(ids).logits, atol=1e-3), f"base + {name} is the same before and after merging")
        plain = load_file(root / (name + "-plain") / "model.safetensors")
        worst = max(float((got[k] - v.float()).abs().max() / v.float().abs().max()) for k, v in plain.items())
        check(worst < 2 ** -8, f"PEFT and adapter.apply agree on {name}: largest difference {worst:.2e} of the largest weight")
        if tuned is None:
            continue
        want = load_file(root.parent.parent / "testdata/models" / tuned / "model.safetensors")
        base = load_file(root / "base" / "model.safetensors")
        kept = [k for k in want if name != "threshold" or ".layers.2." not in k]
        miss = sum(float((got[k] - want[k].float()).square().sum()) for k in kept) ** .5
        size = sum(float(want[k].float().square().sum()) for k in kept) ** .5
        said = measured[name + "-lost"][name]["relative_error"]
        check(abs(miss / size - said) < 1e-4 * said, f"base + {name} by PEFT misses the fine-tune by {miss / size:.6f}, roux said {said:.6f}")
        head = got.get("lm_head.weight")
        check(head is None or torch.equal(head, got["model.embed_tokens.weight"]), f"the head stays tied in base + {name}")
    # Maps stored from in to out, biases, and a model whose head is its own.
    import subprocess
    def random(seed, m):
        torch.manual_seed(seed)
        for p in m.parameters():
            p.data = torch.randn_like(p) / 3
        return m.eval()
    small = {
        "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=40, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)),
        "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False)),
    }
    for family, make in small.items():
        d = root.parent / "oracle-small" / family
        for name, seed in (("base", 1), ("tuned", 2)):
            random(seed, make()).save_pretrained(d / name)
        for embeddings in ("whole", "lora"):
            (d / "recipe.yaml").write_text(f"""roux: 1
models: {{base: {d}/base, tuned: {d}/tuned}}
steps:
  lora: {{op: adapter.extract, model: tuned, base: base, rank: 16, embeddings: {embeddings}}}
outputs:
  lora: {{from: lora, path: {d}/lora, format: peft}}
""")
            subprocess.run(["go", "run", "./cmd/roux", "run", d / "recipe.yaml", "-q"], check=True)
            m = peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained(d / "base"), d / "lora").merge_and_unload().state_dict()
            worst = max(float((m[k] - v).abs().max()) for k, v in random(2, make()).state_dict().items())
            check(worst < 2e-6, f"base + adapter of full rank by PEFT is the fine-tune ({family}, embeddings {embeddings}): largest difference {worst:.2e}")
sys.exit(bad > 0)
