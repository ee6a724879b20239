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
    if "quantization_config" in cfg:
        continue
    m, info = transformers.AutoModelForCausalLM.from_pretrained(d, output_loading_info=True)
    logits = m(ids).logits
    check(not info["missing_keys"] and not info["unexpected_keys"] and bool(torch.isfinite(logits).all()), f"transformers loads and runs {d.name}")

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
