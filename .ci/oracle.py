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
sys.exit(bad > 0)
