"""Holds evaluate.choice and evaluate.generate to lm-evaluation-harness on the
tasks of testdata/data with the tiny models: oracle_lmeval.py ROUX compares what
both come to now; oracle_lmeval.py --write writes lm-eval's numbers to
testdata/data/lmeval.json, which the default tests hold.

    python3 -m venv --system-site-packages venv
    venv/bin/pip install lm_eval
    LMEVAL_PYTHON=venv/bin/python bash .ci/oracle
"""
import contextlib, io, json, logging, os, subprocess, sys, tempfile

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
try:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
except ImportError as e:
    print(f"skip lm-eval: {e.name} is not installed")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = ROOT + "/testdata/data"
MODELS = ["base", "sums", "lists"]
CHOICE, FREE = ["quiz", "shots"], ["sums"]
RECIPE = "roux: 1\nmodels: {%s}\ndata: {%s}\nsteps:\n%s" % (
    ", ".join(f"{m}: testdata/models/{m}" for m in MODELS),
    ", ".join(f"{t}: {{task: testdata/data/{t}.task.yaml}}" for t in CHOICE + FREE),
    "".join(f"  on_{t}: {{op: {op}, models: [{', '.join(MODELS)}], data: {t}}}\n"
            for op, tasks in (("evaluate.choice", CHOICE), ("evaluate.generate", FREE)) for t in tasks))


def harness():
    """What lm-eval has: task -> model -> metric -> value."""
    logging.disable(logging.WARNING)
    os.chdir(DATA)  # the tasks name their files from there
    out = {t: {} for t in CHOICE + FREE}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HF_HOME"] = cache
        for m in MODELS:
            lm = HFLM(pretrained=f"../models/{m}", dtype="float32", device="cpu", batch_size=1)
            found = lm_eval.simple_evaluate(model=lm, tasks=CHOICE + FREE, bootstrap_iters=100000,
                                            task_manager=TaskManager(include_path=".", include_defaults=False))
            for t, values in found["results"].items():
                out[t][m] = {k.removesuffix(",none"): v for k, v in values.items() if k.endswith(",none")}
    return out


def ours(roux):
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/r.yaml", "w") as f:
            f.write(RECIPE.replace("testdata", ROOT + "/testdata"))
        text = subprocess.run([roux, "run", "--json", d + "/r.yaml", "--cache", d + "/cache"], check=True, capture_output=True, text=True).stdout
    steps = [json.loads(line) for line in text.splitlines()]
    return {s["data"]["step"].removeprefix("on_"): s["data"]["values"] for s in steps if s["event"] == "Measured"}


with contextlib.redirect_stderr(io.StringIO()):  # progress bars
    want = harness()
if sys.argv[1] == "--write":
    json.dump({"lm_eval": lm_eval.__version__, "tasks": want}, open(DATA + "/lmeval.json", "w"), indent=1)
    sys.exit(0)
got, bad, n = ours(sys.argv[1]), 0, 0
for t, models in want.items():
    for m, values in models.items():
        for k, v in values.items():
            n += 1
            if not abs(got[t][m][k] - v) <= 1e-12:
                bad += 1
                print(f"{t} {m} {k}: roux {got[t][m][k]}, lm-eval {v}")
if bad:
    sys.exit(f"{bad} of {n} metrics are not lm-eval's")
print(f"lm-eval {lm_eval.__version__}: {n} metrics are the same")
