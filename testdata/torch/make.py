"""Makes the files of this folder with torch 2.15, and values.json: what torch itself reads from them."""
import collections, json, pathlib, torch
here = pathlib.Path(__file__).parent
torch.manual_seed(1)
w = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
c = torch.arange(120, dtype=torch.float32).reshape(4, 3, 5, 2)
cases = {
    "dtypes.bin": {"a." + str(d).split(".")[1]: (torch.arange(6).reshape(2, 3) % 2).to(d) for d in [
        torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64]},
    "views.pt": {"whole": w, "transposed": w.t(), "row": w[1], "column": w[:, 2], "steps": w[::2, 1::2], "expanded": w[0, :1].expand(5, 1),
                 "scalar": torch.tensor(3.5), "empty": torch.zeros(0, 4), "cube": w.reshape(2, 2, 6).permute(2, 0, 1), "tied": w},
    "strided.pt": {"turned": c.permute(3, 1, 2, 0), "inner": c[:, 1, :2].transpose(0, 1), "spread": w.t().unsqueeze(1).expand(6, 3, 4)[:, ::2],
                   "windows": w.flatten().unfold(0, 5, 2), "deep": c.permute(2, 0, 3, 1)[1:, :, ::2, 1:], "half": w.bfloat16().t(), "byte": c.to(torch.int8).permute(1, 3, 0, 2),
                   "double": w.double()[1:, ::3].t(), "diagonal": w[:, :4].diagonal(), "overlap": torch.as_strided(w, (3, 4, 2), (5, 3, 1), 2)},
    "parameter.pth": collections.OrderedDict(weight=torch.nn.Parameter(w), bias=torch.nn.Parameter(w[0], requires_grad=False)),
    "module.pt": torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict(),
    "wrapped.pt": {"epoch": 3, "state_dict": {"weight": w}, "optimizer": {"lr": 0.1}},
}
attributed = torch.nn.Parameter(w.clone()); attributed.note = "mine"
cases["attributes.pt"] = {"weight": attributed}
values = {}
def put(name, saved):
    got = torch.load(here / name, weights_only=name != "protocol4.pt")
    got = got.get("state_dict", got)
    values[name] = {k: {"dtype": str(v.dtype)[6:], "shape": list(v.shape), "values": v.detach().to(torch.float64).flatten().tolist()} for k, v in got.items()}
for name, d in cases.items():
    torch.save(d, here / name)
    put(name, d)
for name in ["views.pt", "parameter.pth", "module.pt"]:
    torch.save(cases[name], here / ("legacy-" + name), _use_new_zipfile_serialization=False)
    put("legacy-" + name, cases[name])
torch.save(cases["views.pt"], here / "protocol4.pt", pickle_protocol=4)
put("protocol4.pt", None)
# What is refused.
torch.save(torch.nn.Linear(2, 2), here / "model.bad")
torch.save({"a": w, "epoch": 3, "name": "x"}, here / "extra.bad")
torch.save([w], here / "list.bad")
torch.save({"s": w.to_sparse()}, here / "sparse.bad")
torch.save({"c": torch.zeros(2, dtype=torch.complex64)}, here / "complex.bad")
torch.save({"q": torch.quantize_per_tensor(w, 0.1, 0, torch.qint8)}, here / "quantized.bad")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), here / "script.bad")
class Evil:
    def __reduce__(self):
        return (__import__("os").system, ("echo executed > executed",))
torch.save({"a": w, "evil": Evil()}, here / "evil.bad")
json.dump(values, open(here / "values.json", "w"), indent=None)
# State dicts of a network that is no transformer, whose keys differ.
for i, (name, keys) in enumerate({"left.pt": ["stem", "head", "left"], "right.pt": ["stem", "head", "right"], "third.bin": ["stem", "right"]}.items()):
    d = {k + ".weight": torch.full((2, 3), float(i + 1)) + torch.arange(6).reshape(2, 3) / 8 for k in keys}
    torch.save({**d, "steps": torch.tensor(100 * (i + 1))}, here / name)
# A model directory of PyTorch shards, whose head is tied to its embedding and saved with it, as transformers did before 5.
import transformers
c = transformers.LlamaConfig(vocab_size=24, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, tie_word_embeddings=True, dtype="bfloat16")
m = transformers.LlamaForCausalLM(c).to(torch.bfloat16)
d = here / "model"
d.mkdir(exist_ok=True)
c.architectures = ["LlamaForCausalLM"]
c.save_pretrained(d)
state = dict(m.state_dict())
state["lm_head.weight"] = state["model.embed_tokens.weight"]
names = list(state)
shards = {"pytorch_model-00001-of-00002.bin": ["lm_head.weight"] + names[:len(names) // 2], "pytorch_model-00002-of-00002.bin": [n for n in names[len(names) // 2:] if n != "lm_head.weight"]}
for shard, part in shards.items():
    torch.save({n: state[n] for n in part}, d / shard)
json.dump({"metadata": {"total_size": 1}, "weight_map": {n: s for s, part in shards.items() for n in part}}, open(d / "pytorch_model.bin.index.json", "w"), indent=1)
m.save_pretrained(here / "model-safetensors")
for extra in ["config.json", "generation_config.json"]:
    (here / "model-safetensors" / extra).unlink()
