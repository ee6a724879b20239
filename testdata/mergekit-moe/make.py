"""Makes models/ with transformers 5.24 and golden.json with mergekit 0.1.5: run it in this folder.

golden.json has the config and, of each tensor that mergekit-moe wrote, its dtype, shape and the sha256 of its bytes;
the routers of the first layer are there in full."""
import hashlib, json, pathlib, shutil, subprocess, tempfile, torch, transformers
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
for case in sorted((here / "cases").glob("*.yml")):
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(["mergekit-moe", str(case.relative_to(here)), tmp], check=True, cwd=here)
        tensors = {}
        for shard in pathlib.Path(tmp).glob("*.safetensors"):
            for name, t in load_file(shard).items():
                tensors[name] = {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "sha256": hashlib.sha256(t.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()}
                if name.endswith("gate.weight") and ".layers.0." in name:
                    tensors[name]["values"] = t.float().flatten().tolist()
        golden[case.stem] = {"tensors": tensors, "config": json.loads((pathlib.Path(tmp) / "config.json").read_text())}
json.dump(golden, open(here / "golden.json", "w"), indent=0, sort_keys=True)
