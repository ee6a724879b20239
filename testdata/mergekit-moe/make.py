"""Makes models/ with transformers 5.24 and golden.json with mergekit 0.1.5: run it in this folder.

golden.json has the config and, of each tensor that mergekit-moe wrote, its dtype, shape and the sha256 of its bytes;
the routers of the first layer are there in full, and where they rest on hidden states those of all layers: "values"
of a base that runs in float32, as roux does, and "rounded" of one in bfloat16, as mergekit-moe runs it."""
import hashlib, json, os, pathlib, shutil, tempfile, torch, transformers
from safetensors.torch import load_file
here = pathlib.Path(__file__).parent
for i, name in enumerate(["base", "a", "b"]):
    torch.manual_seed(i)
    d = here / "models" / name
    if d.exists():
        continue
    c = transformers.Qwen3Config(vocab_size=512, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                                 head_dim=8, max_position_embeddings=64, tie_word_embeddings=True, dtype="bfloat16", bos_token_id=0, eos_token_id=1)
    transformers.Qwen3ForCausalLM(c).to(torch.bfloat16).save_pretrained(d)
    for f in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(here / "../models/base" / f, d / f)
golden = {}

def run(case, dtype):
    """mergekit-moe; hidden states are those of a model in `dtype`: mergekit's own choice is bfloat16."""
    import yaml
    from mergekit.merge import MergeOptions
    from mergekit.moe import router
    from mergekit.moe.config import MoEMergeConfig
    from mergekit.scripts.moe import build
    class Loader:
        @staticmethod
        def from_pretrained(*a, torch_dtype=None, **kw):
            return transformers.AutoModelForCausalLM.from_pretrained(*a, dtype=dtype, **kw)
    router.AutoModelForCausalLM = Loader
    with tempfile.TemporaryDirectory() as tmp:
        build(MoEMergeConfig.model_validate(yaml.safe_load(case.read_text())), tmp, MergeOptions(), device="cpu")
        tensors = {name: t for shard in pathlib.Path(tmp).glob("*.safetensors") for name, t in load_file(shard).items()}
        return tensors, json.loads((pathlib.Path(tmp) / "config.json").read_text())

os.chdir(here)
for case in sorted((here / "cases").glob("*.yml")):
    out, config = run(case, torch.float32)
    hidden = "hidden" in case.stem
    rounded = run(case, torch.bfloat16)[0] if hidden else {}
    tensors = {}
    for name, t in out.items():
        tensors[name] = {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "sha256": hashlib.sha256(t.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()}
        if name.endswith("gate.weight") and (hidden or ".layers.0." in name):
            tensors[name]["values"] = [float(f"{v:.8g}") for v in t.float().flatten().tolist()]
        if name.endswith("gate.weight") and name in rounded and ".layers.1." in name:
            tensors[name]["rounded"] = [float(f"{v:.5g}") for v in rounded[name].float().flatten().tolist()]
    golden[case.stem] = {"tensors": tensors, "config": config}
json.dump(golden, open(here / "golden.json", "w"), indent=0, sort_keys=True)
