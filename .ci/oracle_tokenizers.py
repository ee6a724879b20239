"""Loads merged tokenizers with tokenizers and transformers, and says what differs."""
import json, pathlib, sys

try:
    import jinja2, tokenizers, transformers
except ImportError as e:
    print(f"skip: the Python package {e.name} is not installed")
    sys.exit(0)

out, data = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
golden = json.loads((data / "tokens.json").read_text())
bad = 0

def check(ok, what):
    global bad
    bad += not ok
    print(("ok   " if ok else "FAIL ") + what)

def written(d):
    t = json.loads((d / "tokenizer.json").read_text())
    v = dict(t["model"]["vocab"])
    v.update({a["content"]: a["id"] for a in t["added_tokens"]})
    return v

def render(text, messages, prompt):
    env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    def fail(message):
        raise ValueError(message)
    env.globals["raise_exception"] = fail
    return env.from_string(text).render(messages=messages, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>")

for d in sorted(out.glob("tok-*")):
    name = d.name[len("tok-"):]
    t, v = tokenizers.Tokenizer.from_file(str(d / "tokenizer.json")), written(d)
    check(t.get_vocab() == v, f"tokenizers loads {name} with the ids that the file says ({len(v)})")
    if name in golden["tokens"]:
        same = all(t.encode(text).tokens == want for text, want in zip(golden["texts"], golden["tokens"][name]))
        check(same, f"tokenizers cuts {len(golden['texts'])} texts with {name} as with mergekit's")
    auto = transformers.AutoTokenizer.from_pretrained(d)
    check(auto.get_vocab() == v and len(auto) == len(v), f"transformers loads the tokenizer of {name}")
    text = auto.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    check("hi" in text, f"transformers renders the chat template of {name}")

# What each built-in template is to print for these turns.
turns = [{"role": "system", "content": "S"}, {"role": "user", "content": " a "}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
want = {
    "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n a <|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "exaone": "[|system|]S[|endofturn|]\n[|user|] a \n[|assistant|]b[|endofturn|]\n[|user|]c\n[|assistant|]",
    "alpaca": "S\n\n### Instruction:\na\n\n### Response:\nb\n\n### Instruction:\nc\n\n### Response:\n",
    "mistral": "<s> [INST] S\n\n a  [/INST] b</s> [INST] c [/INST]",
}
for f in sorted(pathlib.Path("ops/tokenizer/templates").glob("*.jinja")):
    got = render(f.read_text(), turns, True)
    check(got == want[f.stem], f"the built-in template {f.stem} prints what it is to print")
    if got != want[f.stem]:
        print(f"     {got!r}\n     {want[f.stem]!r}")
theirs = (data / "cases/chat_template_builtin/expected.chat_template.jinja").read_text()
for prompt in (False, True):
    check(render((out / "tok-chat_template_builtin/chat_template.jinja").read_text(), turns, prompt) == render(theirs, turns, prompt), f"chatml prints what mergekit's prints (prompt: {prompt})")
sys.exit(bad > 0)
