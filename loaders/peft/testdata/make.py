"""Makes the small adapters beside this file with PEFT, and what merge_and_unload gives."""
import json, pathlib, shutil, sys
import torch, peft
from torch import nn
from safetensors.torch import save_file, load_file
from transformers.pytorch_utils import Conv1D

here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.up = nn.Linear(6, 6), nn.Linear(6, 8, bias=False)
        self.fc, self.conv, self.norm = Conv1D(6, 6), nn.Conv2d(3, 4, 2), nn.LayerNorm(6)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 6)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(6, 10, bias=False)

def net(dtype):
    torch.manual_seed(1)
    m = Net()
    for p in m.parameters():
        p.data = torch.randn_like(p)
    return m.to(dtype)

variants = {
    "patterns": dict(r=2, lora_alpha=3, target_modules=["q", "up", "head"], rank_pattern={"layers.1.q": 3, "up": 1}, alpha_pattern={"layers.0.up": 5, "u.": 7}),
    "layers": dict(r=2, lora_alpha=3, target_modules=["q"], layers_to_transform=[1], layers_pattern="layers"),
    "rslora": dict(r=4, lora_alpha=6, target_modules=["q", "up"], use_rslora=True),
    "embedding": dict(r=2, lora_alpha=4, target_modules=["embed", "head"]),
    "conv": dict(r=2, lora_alpha=4, target_modules=["conv"]),
    "dora": dict(r=2, lora_alpha=4, target_modules=["q", "up", "embed", "conv"], use_dora=True),
    "turned": dict(r=2, lora_alpha=4, target_modules=["fc"], fan_in_fan_out=True),
    "turned-dora": dict(r=2, lora_alpha=4, target_modules=["fc"], fan_in_fan_out=True, use_dora=True),
    "bias": dict(r=2, lora_alpha=4, target_modules=["q"], bias="lora_only"),
    "lora-bias": dict(r=2, lora_alpha=4, target_modules=["q"], lora_bias=True),
    "saved": dict(r=2, lora_alpha=4, target_modules=["q"], modules_to_save=["norm", "head"]),
}
golden = {}
save_file(net(torch.float32).state_dict(), here / "net.safetensors")
for name, args in variants.items():
    m = peft.get_peft_model(net(torch.float32), peft.LoraConfig(**args))
    torch.manual_seed(len(name))
    for k, p in m.named_parameters():
        if p.requires_grad:
            p.data = (p.data + torch.randn_like(p) / 2).abs() if "magnitude" in k else torch.randn_like(p) / 2
    shutil.rmtree(here / name, ignore_errors=True)
    m.save_pretrained(here / name)
    (here / name / "README.md").unlink(missing_ok=True)
    if name in ["dora", "saved"]:  # as PEFT stored all before 0.6
        m.save_pretrained(here / "pickled" / name, safe_serialization=False)
        (here / "pickled" / name / "README.md").unlink(missing_ok=True)
    # Loaded anew, so that what is compared is what PEFT reads.
    got = peft.PeftModel.from_pretrained(net(torch.float32), here / name).merge_and_unload().state_dict()
    before = net(torch.float32).state_dict()
    for k, v in got.items():
        if not torch.equal(v, before[k]):
            golden[name + "/" + k] = v.contiguous()
save_file(golden, here / "merged.safetensors")
print(sorted(golden), peft.__version__)
