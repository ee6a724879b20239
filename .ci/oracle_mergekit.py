"""Runs random merges with mergekit and with roux and compares every tensor.

oracle_mergekit.py ROUX [SEED] [COUNT]: the methods that draw nothing, with filters, gradients and slices over the tiny
models of testdata/mergekit/grammar. A file that one of both refuses the other must refuse too.
"""

import logging
import os
import random
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import yaml
    from safetensors.numpy import load_file

    warnings.filterwarnings("ignore")
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions
except ImportError as missing:
    print(f"skip: {missing}")
    sys.exit(0)

logging.disable(logging.CRITICAL)
BASE, TUNED = "models/base", ["models/a", "models/b"]
FILTERS = ["mlp", "self_attn", "layers.1.", "q_proj", "norm", "embed", "lm_head", "layers.3", "weight", ".0.", "*", "nothing"]
RANGES = {"weight": (0.1, 1), "density": (0.2, 1), "gamma": (0, 0.2), "scale": (0.5, 1.5)}

# of each method: parameters of models, flags, numbers of the merge, and which models it takes
METHODS = {
    "linear": (["weight"], ["normalize"], {}, "any"),
    "slerp": ([], [], {"t": (0, 1)}, "two"),
    "nuslerp": (["weight"], ["nuslerp_flatten", "nuslerp_row_wise"], {}, "pair"),
    "multislerp": (["weight"], ["normalize_weights"], {}, "based"),
    "karcher": ([], [], {}, "any"),
    "model_stock": ([], ["filter_wise"], {}, "three"),
    "sce": ([], ["int8_mask"], {"select_topk": (0.2, 1)}, "based"),
    "ram": ([], [], {}, "based"),
    "ramplus_tl": ([], [], {"r": (0, 1), "alpha": (0, 1)}, "based"),
    "nearswap": ([], [], {"t": (0, 0.1)}, "two"),
    "task_arithmetic": (["weight", "density"], ["normalize", "rescale"], {"lambda": (0.2, 1.5)}, "based"),
    "ties": (["weight", "density"], ["normalize", "rescale"], {"lambda": (0.2, 1.5)}, "based"),
    "breadcrumbs": (["weight", "density", "gamma"], ["normalize", "rescale"], {}, "based"),
    "breadcrumbs_ties": (["weight", "density", "gamma"], ["normalize"], {}, "based"),
    "passthrough": (["scale"], [], {}, "one"),
}


class Maker:
    """Makes random mergekit files."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def value(self, low, high):
        numbers = [round(self.r.uniform(low, high), 3) for _ in range(self.r.choice([1, 2, 3, 4]))]
        return numbers[0] if self.r.random() < 0.5 else numbers

    def setting(self, low, high, closed=False):
        chance = self.r.random()
        if chance < 0.4:
            return self.value(low, high)
        entries = [{"filter": self.r.choice(FILTERS), "value": self.value(low, high)} for _ in range(self.r.choice([1, 2]))]
        if chance < 0.55 and not closed:
            return entries[0]
        return entries + [{"value": self.value(low, high)}] * (closed or chance < 0.8)

    def flag(self):
        chance = self.r.random()
        if chance < 0.4:
            return chance < 0.2
        if chance < 0.6:
            return [self.r.random() < 0.5 for _ in range(self.r.choice([1, 2, 3]))]
        return [{"filter": self.r.choice(FILTERS), "value": chance < 0.8}] + [{"value": [True, False]}] * (self.r.random() < 0.4)

    def models(self, kind):
        if kind == "one":
            return [self.r.choice(TUNED)], None
        if kind == "any":
            return self.r.sample([*TUNED, BASE], self.r.choice([2, 3])), None
        if kind == "two":
            return self.r.sample([BASE, TUNED[0]], 2), BASE
        if kind == "pair" and self.r.random() < 0.5:
            return self.r.sample(TUNED, 2), None
        tuned = 2 if kind in ("pair", "three") else self.r.choice([1, 2])
        models = [*self.r.sample(TUNED, tuned), BASE]
        self.r.shuffle(models)
        return models, BASE

    def params(self, method, of_model):
        per_model, flags, numbers, _ = METHODS[method]
        params = {k: self.setting(*RANGES[k]) for k in per_model if self.r.random() < 0.5}
        if not of_model:
            params.update({k: self.flag() for k in flags if self.r.random() < 0.4})
            params.update({k: self.setting(*v) for k, v in numbers.items() if self.r.random() < 0.5})
        return params

    def file(self):
        method = self.r.choice(list(METHODS))
        models, base = self.models(METHODS[method][3])
        config = {"merge_method": method, **({"base_model": base} if base else {})}
        if self.r.random() < 0.5:
            config["models"] = [{"model": m, "parameters": self.params(method, True)} for m in models]
        else:
            config["slices"] = [self.slice(method, models) for _ in range(self.r.choice([1, 2, 3]))]
        config["parameters"] = self.params(method, False)
        if "weight" in METHODS[method][0] and self.r.random() < 0.9:
            config["parameters"]["weight"] = self.setting(*RANGES["weight"], closed=True)
        if "t" in METHODS[method][2] and self.r.random() < 0.9:
            config["parameters"]["t"] = self.setting(*METHODS[method][2]["t"], closed=True)
        return config

    def slice(self, method, models):
        layers = self.r.choice([1, 2, 3])
        starts = [self.r.randint(0, 4 - layers) for _ in models]
        sources = [{"model": m, "layer_range": [s, s + layers], "parameters": self.params(method, True)} for m, s in zip(models, starts)]
        return {"sources": sources, "parameters": self.params(method, False)}


def reference(path, out):
    with open(path) as f:
        config = MergeConfiguration.model_validate(yaml.safe_load(f))
    try:
        run_merge(config, out, MergeOptions(write_model_card=False, copy_tokenizer=False, quiet=True, device="cpu"))
    except Exception as refusal:  # whatever it is, roux must refuse too
        return str(refusal)
    return None


def differ(want, got):
    if want.keys() != got.keys():
        return "other tensors"
    for name, w in want.items():
        g = got[name]
        if w.shape != g.shape or w.dtype != g.dtype:
            return f"{name}: {g.dtype} {g.shape}, want {w.dtype} {w.shape}"
        if w.size and not np.abs(w - g).max() <= 5e-6 * max(np.abs(w).max(), 1e-9):
            return f"{name}: off by {np.abs(w - g).max()}"
    return None


def main(roux, seed=1, count=60):
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testdata/mergekit/grammar"))
    maker, refused = Maker(int(seed)), 0
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(int(count)):
            path, ours, theirs = (os.path.join(scratch, f"{i}{end}") for end in (".yml", "-roux", "-mergekit"))
            text = yaml.dump(maker.file(), sort_keys=False)
            with open(path, "w") as f:
                f.write(text)
            why = reference(path, theirs)
            run = subprocess.run([roux, "run", path, "-o", ours, "-q", "--cache", os.path.join(scratch, "cache")], capture_output=True, text=True)
            if (why is None) != (run.returncode == 0):
                sys.exit(f"{text}\nmergekit: {why or 'fine'}\nroux: {run.stderr or 'fine'}")
            if why is not None:
                refused += 1
                continue
            if off := differ(load_file(theirs + "/model.safetensors"), load_file(ours + "/model.safetensors")):
                sys.exit(f"{text}\n{off}")
    print(f"mergekit: {count} random merges, {refused} of them refused by both, the others alike")


if __name__ == "__main__":
    main(*sys.argv[1:])
