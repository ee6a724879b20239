"""Writes combine.json: what numpy, scipy and torch make of the ways of
combining predictions, by the formulas of the papers and nothing of roux."""
import json, math, os
import numpy as np, torch
from scipy.optimize import minimize

rng = np.random.default_rng(7)
out = {"fusion": [], "gate": [], "weights": []}
f32 = lambda x: x.astype(np.float32).astype(float)


def logp(z):
    z = z - z.max()
    return z - math.log(np.exp(z).sum())


def kl(a, b):
    return float((np.exp(a) * (a - b)).sum())


# Dynamic logits fusion: a grid of 0, 0.1 .. 2, experts one after the other.
for experts in (1, 1, 1, 2, 3):
    z = f32(rng.normal(size=(experts + 2, 12)) * 2)
    large, small = z[0], z[-1]
    to = [kl(logp(z[t + 1]), logp(small)) for t in range(experts)]
    fro = [kl(logp(small), logp(z[t + 1])) for t in range(experts)]
    fuse = lambda a: logp(large + sum(a[t] * (z[t + 1] - small) for t in range(experts)))

    def miss(a):
        p, l = fuse(a), logp(large)
        return sum((kl(p, l) - to[t]) ** 2 + (kl(l, p) - fro[t]) ** 2 for t in range(experts))

    a = [0.0] * experts
    for _ in range(10):
        before = list(a)
        for t in range(experts):
            a[t] = min((round(i * 0.1, 1) for i in range(21)), key=lambda v: miss(a[:t] + [v] + a[t + 1:]))
        if a == before:
            break
    out["fusion"].append({"z": z.tolist(), "a": a, "nll": [-float(v) for v in fuse(a)]})

# Weights of a mixture, by its likelihood alone.
for n in (2, 3):
    nll = rng.gamma(2, 1, size=(60, n))
    p = np.exp(-nll)
    loss = lambda u: -np.log(p @ (np.exp(u) / np.exp(u).sum())).mean()
    u = minimize(loss, np.zeros(n), method="BFGS", options={"gtol": 1e-10}).x
    w = np.exp(u) / np.exp(u).sum()
    out["weights"].append({"own": nll.tolist(), "w": w.tolist(), "nll": float(-np.log(p @ w).mean())})

# The gate, by autograd and torch's Adam.
torch.set_default_dtype(torch.float64)
UNITS = 16
for n in (2, 3):
    own, ent = rng.gamma(2, 1, size=(40, n)), rng.gamma(3, 1, size=(40, n))
    U, a = torch.tensor(rng.uniform(-1, 1, (UNITS, n))), torch.tensor(rng.uniform(-1, 1, UNITS))
    V, b = torch.tensor(rng.normal(size=(n, UNITS)) * 0.3), torch.tensor(rng.normal(size=n))
    params = [x.requires_grad_() for x in (U, a, V, b)]
    flat = lambda xs: torch.cat([torch.cat([xs[0], xs[1][:, None]], 1).reshape(-1), torch.cat([xs[2], xs[3][:, None]], 1).reshape(-1)]).tolist()
    theta = flat([x.detach() for x in params])
    H, N = torch.tensor(ent) / math.log(50), torch.tensor(own)

    def loss():
        s = torch.log_softmax(torch.tanh(H @ U.T + a) @ V.T + b, 1)
        return -torch.logsumexp(s - N, 1).mean()

    adam = torch.optim.Adam(params, lr=0.01)
    case = {"own": own.tolist(), "entropy": ent.tolist(), "vocab": 50, "theta": theta, "loss": loss().item()}
    for step in range(30):
        adam.zero_grad()
        l = loss()
        l.backward()
        if step == 0:
            case["grad"] = flat([x.grad for x in params])
        adam.step()
    case["after30"] = loss().item()
    out["gate"].append(case)

short = lambda o: [short(v) for v in o] if isinstance(o, list) else {k: short(v) for k, v in o.items()} if isinstance(o, dict) else float(f"{o:.12g}") if isinstance(o, float) else o
json.dump(short(out), open(os.path.dirname(os.path.abspath(__file__)) + "/combine.json", "w"))
