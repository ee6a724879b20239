"""Writes what PEFT's add_weighted_adapter makes of three small adapters."""
import json, warnings
import torch, peft
from torch import nn

warnings.simplefilter("ignore")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 6)
        self.up = nn.Linear(6, 9, bias=False)
        self.down = nn.Linear(9, 6, bias=False)

torch.manual_seed(3)
net = Net()
weights = [0.7, -0.4, 1.2]
configs = [
    dict(r=3, lora_alpha=6, target_modules=["embed", "up", "down"]),
    dict(r=3, lora_alpha=5, target_modules=["embed", "up", "down"], use_rslora=True),
    dict(r=3, lora_alpha=3, target_modules=["up", "down"], alpha_pattern={"down": 4}),
]
ranked = [dict(c, r=r) for c, r in zip(configs, (2, 3, 1))]

def build(configs):
    torch.manual_seed(4)
    m = None
    for i, c in enumerate(configs):
        c = peft.LoraConfig(**c)
        if m is None:
            m = peft.get_peft_model(Net(), c, adapter_name="a0")
        else:
            m.add_adapter(f"a{i}", c)
    for k, p in sorted(m.named_parameters()):
        if "lora_" in k:
            p.data = torch.randn_like(p)
    return m

def tensors(m, name):
    return {k: dict(shape=list(v.shape), data=[float("%.9g" % x) for x in v.flatten().tolist()]) for k, v in sorted(peft.get_peft_model_state_dict(m, adapter_name=name).items())}

def adapters(m):
    out = []
    for i in range(3):
        c = m.peft_config[f"a{i}"].to_dict()
        out.append(dict(config={k: c[k] for k in ("peft_type", "r", "lora_alpha", "use_rslora", "alpha_pattern", "rank_pattern", "fan_in_fan_out")}, tensors=tensors(m, f"a{i}")))
        out[-1]["config"]["peft_type"] = "LORA"
    return out

cases = {
    "linear": {}, "cat": {}, "svd": dict(svd_rank=4),
    "ties": dict(density=0.5), "ties frequency": dict(density=0.6, majority_sign_method="frequency"),
    "ties_svd": dict(density=0.4, svd_rank=5), "ties_svd frequency": dict(density=0.4, svd_rank=6, majority_sign_method="frequency"),
    "magnitude_prune": dict(density=0.5), "magnitude_prune_svd": dict(density=0.3, svd_rank=6),
    "dare_linear": dict(density=1.0), "dare_ties": dict(density=1.0), "dare_ties_svd": dict(density=1.0),
    "ranked cat": {}, "ranked svd": {},
}
out = dict(weights=weights, equal=adapters(build(configs)), ranked=adapters(build(ranked)), cases=[])
for name, args in cases.items():
    words = name.split()
    group = "equal"
    if words[0] == "ranked":
        group, words = "ranked", words[1:]
    m = build(configs if group == "equal" else ranked)
    m.add_weighted_adapter(["a0", "a1", "a2"], weights, "out", combination_type=words[0], **args)
    out["cases"].append(dict(group=group, method=words[0], rank=args.get("svd_rank", 0), density=args.get("density", 0), sign=args.get("majority_sign_method", "total"), want=tensors(m, "out")))
json.dump(out, open("merged.json", "w"), indent=None, separators=(",", ":"))
print(peft.__version__, [list(c["want"])[:2] for c in out["cases"]][:1])
