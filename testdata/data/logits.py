"""Writes base.kld, what llama-perplexity --kl-divergence-base would of the tiny
model base, and logits.json, what --kl-divergence would print of others against
it: by the formulas of llama.cpp's perplexity.cpp, with torch's logits."""
import json, os, struct
import numpy as np, torch
from transformers import AutoModelForCausalLM, AutoTokenizer

D = os.path.dirname(os.path.abspath(__file__)) + "/"
torch.set_num_threads(1)
torch.set_grad_enabled(False)
tok = AutoTokenizer.from_pretrained(D + "../models/base")
ids = tok(open(D + "sums.held.txt").read())["input_ids"]
C, K = 32, 4
V, half, f32 = 512, C // 2, np.float32
nv = 2 * ((V + 1) // 2) + 4


def logits(name):
    m = AutoModelForCausalLM.from_pretrained(D + "../models/" + name, dtype=torch.float32, attn_implementation="eager")
    out = []
    for c in range(K):
        w = [ids[0]] + ids[c * C + 1:(c + 1) * C]
        out.append(m(torch.tensor([w])).logits[0][half:C - 1].numpy())
    return np.concatenate(out)


base = logits("base")
top = base.max(1, keepdims=True)
low = np.maximum(base.min(1, keepdims=True), top - f32(16))
log_sum = np.log(np.exp((base - top).astype(float)).sum(1, keepdims=True)).astype(f32)
scale = (top - low) / f32(65535)
least = low - top - log_sum
q = np.where(base > low, np.rint((base - low) / scale), 0).astype(np.uint16)
with open(D + "base.kld", "wb") as f:
    f.write(b"_logits_" + struct.pack("<iii", C, V, K) + np.array(ids[:C * K], np.int32).tobytes())
    for i in range(len(q)):
        row = np.zeros(nv, np.uint16)
        row[:4] = np.array([scale[i, 0], least[i, 0]], f32).view(np.uint16)
        row[4:4 + V] = q[i]
        f.write(row.tobytes())
pb = (scale * q.astype(f32) + least).astype(float)
targets = np.concatenate([ids[c * C + half + 1:(c + 1) * C] for c in range(K)])
at = np.arange(len(targets))
out = {}
for name in ("base", "sums", "lists"):
    z = logits(name).astype(float)
    p = z - z.max(1, keepdims=True)
    p -= np.log(np.exp(p).sum(1, keepdims=True))
    kl = np.where(pb > -16, np.exp(pb) * (pb - p), 0).sum(1)
    dp = np.exp(p[at, targets]) - np.exp(pb[at, targets])
    out[name] = {"positions": len(kl), "kl": kl.mean(), "kl_max": kl.max(), "kl_p90": np.quantile(kl, 0.9), "same_top": (p.argmax(1) == pb.argmax(1)).mean(), "dp_mean": dp.mean(),
                 "dp_rms": np.sqrt((dp * dp).mean()), "reference_perplexity": np.exp(-pb[at, targets].mean()), "perplexity": np.exp(-p[at, targets].mean())}
json.dump(out, open(D + "logits.json", "w"), indent=1)
