"""Golden statistics of engine/calib and masks of prune.wanda, made by transformers and torch in float32.

Usage: oracle_calib.py FILE  writes FILE; oracle_calib.py --check FILE compares what is there with the transformers
that is installed. Samples are disjoint windows of one encoding of the text; Wanda goes layer by layer, each layer's
inputs coming from the pruned ones before, as in the paper's code.
"""
import sys, json, pathlib, base64
try:
    import numpy as np, torch, transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as e:
    print("skip:", e)
    sys.exit(0)
transformers.logging.set_verbosity_error()

ROOT = pathlib.Path(__file__).parent.parent
MODEL, TEXT, LENGTH, SAMPLES = ROOT / "testdata/models/base", ROOT / "testdata/data/prose.held.txt", 100, 12
INPUTS = {"attn.in": "self_attn.q_proj", "attn.out": "self_attn.o_proj", "ffn.in": "mlp.up_proj", "ffn.mid": "mlp.down_proj"}
SHOWN = [3, 77, 200]  # channels whose numbers are kept

def windows():
    ids = AutoTokenizer.from_pretrained(MODEL)(TEXT.read_text()).input_ids
    return torch.tensor([ids[i * LENGTH:(i + 1) * LENGTH] for i in range(SAMPLES)])

def gather(model, batch):
    """The inputs of every linear layer over the batch, in float64, and all hidden states."""
    seen, hooks = {}, []
    for l, layer in enumerate(model.model.layers):
        for name, path in INPUTS.items():
            hooks.append(layer.get_submodule(path).register_forward_hook(
                lambda m, i, o, k=(l, name): seen.__setitem__(k, i[0].reshape(-1, i[0].shape[-1]).double())))
    hooks.append(model.lm_head.register_forward_hook(
        lambda m, i, o: seen.__setitem__((len(model.model.layers), "head.in"), i[0].reshape(-1, i[0].shape[-1]).double())))
    states = [model.model.embed_tokens(batch)]
    for layer in model.model.layers:
        hooks.append(layer.register_forward_hook(lambda m, i, o: states.append(o[0] if isinstance(o, tuple) else o)))
    with torch.no_grad():
        model(batch)
    for h in hooks:
        h.remove()
    return seen, [s.double() for s in states]

def statistics(model, batch):
    seen, states = gather(model, batch)
    inputs = []
    for (l, name), x in sorted(seen.items()):
        g = x.T @ x
        inputs.append({"layer": l, "input": name, "width": x.shape[1], "total": float((x * x).sum()),
            "sum": x.sum(0)[SHOWN].tolist(), "squares": (x * x).sum(0)[SHOWN].tolist(), "abs": x.abs().sum(0)[SHOWN].tolist(),
            "min": x.min(0).values[SHOWN].tolist(), "max": x.max(0).values[SHOWN].tolist(), "gram": g[SHOWN][:, SHOWN].tolist(), "frobenius": float(g.norm())})
    cos = torch.nn.functional.cosine_similarity
    return inputs, {"next": [float(cos(a, b, dim=-1).mean()) for a, b in zip(states, states[1:])],
                    "last": [[float(cos(a[:, -1], b[:, -1], dim=-1).mean()) for b in states] for a in states]}

def wanda(model, batch, prune, sequential=True):
    """Prunes layer by layer; prune(score) is a mask of what goes. Published is sequential; else all layers are scored by the dense model."""
    masks, (dense, _) = {}, gather(model, batch)
    for l, layer in enumerate(model.model.layers):
        seen = gather(model, batch)[0] if sequential else dense
        for path in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]:
            name = {"q": "attn.in", "k": "attn.in", "v": "attn.in", "o": "attn.out", "g": "ffn.in", "u": "ffn.in", "d": "ffn.mid"}[path.split(".")[1][0]]
            w = layer.get_submodule(path).weight
            norm = ((seen[l, name] ** 2).sum(0) / SAMPLES).float().sqrt()
            gone = prune(w.detach().abs() * norm)
            with torch.no_grad():
                w[gone] = 0
            masks[f"model.layers.{l}.{path}.weight"] = gone
    return masks

def half(score):
    gone = torch.zeros_like(score, dtype=torch.bool)
    order = torch.sort(score, dim=-1, stable=True).indices
    return gone.scatter_(1, order[:, :int(score.shape[1] * 0.5)], True)

def two_of_four(score):
    gone = torch.zeros_like(score, dtype=torch.bool)
    for i in range(0, score.shape[1], 4):
        gone.scatter_(1, i + torch.topk(score[:, i:i + 4], 2, dim=1, largest=False).indices, True)
    return gone

def make():
    load = lambda: AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    batch = windows()
    inputs, blocks = statistics(load(), batch)
    masks = {}
    for kind, prune, sequential in (("half", half, True), ("2:4", two_of_four, True), ("at once", half, False)):
        all = wanda(load(), batch, prune, sequential)
        masks[kind] = {n: base64.b64encode(np.packbits(all[n][:64].numpy())).decode() for n in
            ("model.layers.0.self_attn.k_proj.weight", "model.layers.1.self_attn.o_proj.weight", "model.layers.3.mlp.down_proj.weight")}
    return {"length": LENGTH, "samples": SAMPLES, "channels": SHOWN, "inputs": inputs, "blocks": blocks, "rows": 64, "masks": masks}

def near(a, b, at=""):
    if isinstance(a, dict):
        return [p for k in a for p in near(a[k], b[k], f"{at}.{k}")]
    if isinstance(a, list):
        return [p for i, (x, y) in enumerate(zip(a, b)) for p in near(x, y, f"{at}[{i}]")]
    if isinstance(a, float):
        return [] if abs(a - b) <= 1e-5 * max(1, abs(a)) else [f"{at}: {a} and {b}"]
    return [] if a == b else [f"{at} differs"]

if sys.argv[1] == "--check":
    off = near(json.loads(pathlib.Path(sys.argv[2]).read_text()), make())
    print("\n".join(off) or "calibration: as torch has it")
    sys.exit(bool(off))
pathlib.Path(sys.argv[1]).write_text(json.dumps(make()))
