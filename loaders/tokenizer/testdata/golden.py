"""Writes golden.json.gz: small tokenizers of every kind, and what tokenizers 0.23 makes of the edge
strings with them and with the tiny models' own."""
import base64, gzip, json, pathlib, tempfile
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as n, pre_tokenizers as p, processors, trainers

here = pathlib.Path(__file__).parent
EDGE = ["", " ", "  ", "\n", "\n\n", " \n \t x", "\r\n\r\n", "a  b", "a   ", "   a", "\u00a0x", "\u3000x", "\u200bx", "\ufeffx", "\x00", "\x1c",
    "don't DON'T I'LL we'Ve 's", "'ſ", "’s", "123 1234 12345 1,234.5", "½ ² ٣ Ⅷ 一", "é", "e\u0301", "ﬁ ﷺ", "İstanbul ΑΣ ß ẞ", "HTTPServer iOS ǅabc",
    "ABʰC", "漢字かな交じり", "각", "\u1100\u1161\u11a8", "अनुच्छेद", "กำ", "👩🏽‍💻🇺🇳", "🦙.cpp", "a" * 40, " " * 20, "👍👍👍", "https://example.com/a?b=c&d=%20#x",
    "def f(x):\n\tif x:\n\t\treturn x  # c\n\n", "!!!???///\n/", "<0x41>", "▁", "Ġ", "▁▁a ▁b", "ĠaĠ", "<unk>", "[UNK]", "<s", "</s>x", "<|im_",
    "<s><s>", " <s> a </s> ", "The quick brown fox, jumps over the lazy dog!", "naïve café — “quoted” … 100%", "a\u0300\u0301\u0302\u0315b", "\u0344x\u0344",
    "\u212b Ω K", "Ⅳ ﬀ ㎏ ①", "\x85\u2028\u2029", "i\u0307\u0323\u0301", "ａｂｃ１２３", "\t\t\n  \n", "aaaa aaaaa", "漢é", "abab", "\u0958\u09dc", "a\u00adb", "日本 한국 中国",
    "tok tokens my-tok tok_1 [TOK] Ünit  <sp>  x", "a<lone>b <lone> c<lone>", "left  <l>  right", "x <r>  y", "<LOW> <low>", "mask<mask>mask <mask>"]
TEXT = ["The quick brown fox jumps over the lazy dog.", "She sells sea shells on the sea shore, doesn't she?", "don't DON'T I'll we've 123 1234", "naïve café résumé",
    "def f(x):\n\treturn x + 1\n", "the theory of the tokens", "日本語 漢字 かな", "hello hello world world"] * 20
cases = []

def add(name, tok, texts=EDGE, pairs=()):
    def off(text, e):
        at = [0]
        for c in text:
            at.append(at[-1] + len(c.encode()))
        return [[at[a], at[b]] for a, b in e]
    rows = []
    for t in texts:
        try:
            e = tok.encode(t)
            s = tok.encode(t, add_special_tokens=False)
        except Exception as x:
            rows.append(dict(text=t, error=str(x)))
            continue
        tok.encode_special_tokens = True
        u = tok.encode(t, add_special_tokens=False)
        tok.encode_special_tokens = False
        rows.append(dict(text=t, ids=e.ids, offsets=off(t, e.offsets), types=e.type_ids, bare=s.ids, unparsed=u.ids, decoded=tok.decode(e.ids, skip_special_tokens=False), skipped=tok.decode(e.ids)))
    two = []
    for a, b in pairs:
        e = tok.encode(a, b)
        offs = [list(o) for o in e.offsets]
        for k, text in ((0, a), (1, b)):
            for i, s in enumerate(e.sequence_ids):
                if s == k:
                    offs[i] = off(text, [e.offsets[i]])[0]
        two.append(dict(first=a, second=b, ids=e.ids, types=e.type_ids, offsets=offs))
    cases.append(dict(name=name, tokenizer=json.loads(tok.to_str()), cases=rows, pairs=two))

def every_byte():
    """Byte-level BPE without merges: ids are the bytes of the normalized text."""
    alphabet = sorted(p.ByteLevel.alphabet())
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    t.pre_tokenizer = p.ByteLevel(add_prefix_space=False, use_regex=False)
    t.decoder = decoders.ByteLevel()
    return t

with tempfile.TemporaryDirectory() as tmp:
    rules = [("e 301", "E"), ("ﬁ", "fi"), ("½", "1/2"), ("漢", "han"), ("a", "b"), ("ｂ", "b"), ("\u3000", " "), ("👍", "ok"), ("\u00ad", "")]
    tsv = pathlib.Path(tmp, "rules.tsv")
    with tsv.open("w") as f:
        for a, b in rules:
            src = " ".join(f"{ord(c):X}" for c in a) if a != "e 301" else "65 301"
            f.write(src + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n")
    pathlib.Path(tmp, "text").write_text("\n".join(TEXT) + "\n")
    def sp(name, **kw):
        spm.SentencePieceTrainer.train(input=str(pathlib.Path(tmp, "text")), model_prefix=str(pathlib.Path(tmp, name)), minloglevel=2, num_threads=1, **kw)
        return pathlib.Path(tmp, name + ".model").read_bytes()
    charsmap = b""
    spmodels = dict(
        unigram=sp("u", vocab_size=120, model_type="unigram", normalization_rule_tsv=str(tsv), hard_vocab_limit=False),
        bpe=sp("b", vocab_size=400, model_type="bpe", byte_fallback=True, normalization_rule_name="identity", user_defined_symbols=["<sep>", "\t", "  "], remove_extra_whitespaces=False),
        plain=sp("p", vocab_size=100, model_type="unigram", add_dummy_prefix=False, normalization_rule_tsv=str(tsv), hard_vocab_limit=False, byte_fallback=False, user_defined_symbols=["<sep>"]),
        spaces=sp("a", vocab_size=120, model_type="unigram", normalization_rule_tsv=str(tsv), hard_vocab_limit=False, user_defined_symbols=["  ", "\u2581the", "\n", "a b"]),
        bpe_spaces=sp("c", vocab_size=150, model_type="bpe", normalization_rule_tsv=str(tsv), hard_vocab_limit=False, remove_extra_whitespaces=False, user_defined_symbols=["\u2581\u2581", "\u2581the", " x"]),
        suffix_spaces=sp("e", vocab_size=120, model_type="unigram", normalization_rule_tsv=str(tsv), hard_vocab_limit=False, treat_whitespace_as_suffix=True, user_defined_symbols=["  ", "\u2581\u2581"]),
        suffix=sp("s", vocab_size=100, model_type="bpe", treat_whitespace_as_suffix=True, normalization_rule_name="identity", hard_vocab_limit=False),
    )

from sentencepiece import sentencepiece_model_pb2 as pb
def proto(b):
    m = pb.ModelProto(); m.ParseFromString(b); return m
charsmap = proto(spmodels["unigram"]).normalizer_spec.precompiled_charsmap

for name, norm in dict(none=None, nfc=n.NFC(), nfd=n.NFD(), nfkc=n.NFKC(), nfkd=n.NFKD(), lowercase=n.Lowercase(), strip_accents=n.Sequence([n.NFD(), n.StripAccents()]),
        strip_accents_alone=n.StripAccents(), strip=n.Strip(), strip_left=n.Strip(True, False), strip_right=n.Strip(False, True), prepend=n.Prepend("▁x"),
        replace=n.Replace(" ", "▁▁"), replace_regex=n.Replace(Regex(r"\s{2,}|[aeiou]++n?"), "é"), replace_nothing=n.Replace("a", ""), nmt=n.Nmt(), bytelevel=n.ByteLevel(),
        bert=n.BertNormalizer(), bert_cased=n.BertNormalizer(True, True, None, False), bert_accents=n.BertNormalizer(False, False, True, False), precompiled=n.Precompiled(charsmap),
        sequence=n.Sequence([n.NFKC(), n.Lowercase(), n.Replace("a", "bc"), n.Strip(), n.Prepend("_")])).items():
    t = every_byte()
    if norm:
        t.normalizer = norm
    add("normalizer " + name, t)

def only_unknown(pre):
    """One id for all pieces: offsets are the pieces."""
    t = Tokenizer(models.WordLevel({"<unk>": 0}, "<unk>"))
    t.pre_tokenizer = pre
    return t

gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
for name, pre in dict(bytelevel=p.ByteLevel(), bytelevel_plain=p.ByteLevel(False), whitespace=p.Whitespace(), whitespace_split=p.WhitespaceSplit(), bert=p.BertPreTokenizer(),
        punctuation=p.Punctuation(), punctuation_contiguous=p.Punctuation("contiguous"), punctuation_removed=p.Punctuation("removed"), punctuation_previous=p.Punctuation("merged_with_previous"),
        punctuation_next=p.Punctuation("merged_with_next"), digits=p.Digits(), digits_each=p.Digits(True), delimiter=p.CharDelimiterSplit(" "), scripts=p.UnicodeScripts(), fixed=p.FixedLength(3),
        metaspace=p.Metaspace(), metaspace_first=p.Metaspace(prepend_scheme="first"), metaspace_never=p.Metaspace(prepend_scheme="never", split=False), metaspace_x=p.Metaspace("x"),
        split_string=p.Split(" ", "merged_with_previous"), split_next=p.Split(Regex("[aeiou]+"), "merged_with_next"), split_invert=p.Split(Regex(r"\w+|\p{P}"), "removed", True),
        split_contiguous=p.Split(Regex("[ab]"), "contiguous", True), split_possessive=p.Split(Regex(r"[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,2}+|(?>\s+)(?=\S)|\h"), "isolated"),
        split_class=p.Split(Regex(r"[[:alpha:]_]+|[^\x00-\x7F]"), "isolated"), split_without=p.Split(Regex(r"[\p{L}\p{M}&&[^\p{Han}a-c]]+|\p{Han}+"), "isolated"), falcon=p.Sequence([p.Punctuation("contiguous"), p.ByteLevel(False), p.Digits(), p.Split(Regex("[0-9][0-9][0-9]"), "isolated")]),
        sequence=p.Sequence([p.WhitespaceSplit(), p.Punctuation(), p.Digits(True)]), gpt2=p.Split(Regex(gpt2), "isolated")).items():
    add("pretokenizer " + name, only_unknown(pre))

def flags(t):
    t.add_tokens([AddedToken("tok", single_word=True, normalized=False), AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False),
        AddedToken("<low>", normalized=True), AddedToken("<lone>", single_word=True, lstrip=True, normalized=True), AddedToken("Ünit", normalized=True), AddedToken("[TOK]", lstrip=True, rstrip=True, normalized=False)])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False), AddedToken("<sp>", lstrip=True, rstrip=True, special=True, normalized=True), "<s>", "</s>"])

t = Tokenizer(models.BPE())
t.pre_tokenizer = p.ByteLevel(add_prefix_space=False)
t.decoder = decoders.ByteLevel()
t.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=420, special_tokens=["<|endoftext|>"], initial_alphabet=sorted(p.ByteLevel.alphabet()), show_progress=False))
t.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
flags(t)
add("bpe byte level", t)
t.pre_tokenizer = p.ByteLevel(add_prefix_space=True)
t.normalizer = n.Sequence([n.NFC(), n.Lowercase()])
t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(single="<s> $A </s>:3", pair="<s> $A </s> <s>:1 $B:2 </s>:1", special_tokens=[("<s>", t.token_to_id("<s>")), ("</s>", t.token_to_id("</s>"))])])
add("bpe byte level lowercase template", t, pairs=[("The fox", "the dog"), ("", "é"), ("a <mask> b", " x")])
t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
add("bpe roberta", t, pairs=[("The fox", " the dog"), ("é ü", "")])

t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
t.normalizer = n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁")])
t.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)], show_progress=False, max_token_length=8, limit_alphabet=60))
t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
add("bpe byte fallback", t, pairs=[("a b", "c")])
j = json.loads(t.to_str())
j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
j["model"]["byte_fallback"] = False
add("bpe unk old merges", Tokenizer.from_str(json.dumps(j)))
j["model"]["fuse_unk"] = False
j["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
j["normalizer"] = {"type": "Strip", "strip_left": True, "strip_right": False}
j["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
add("bpe metaspace first", Tokenizer.from_str(json.dumps(j)))
# Bytes before a pending unknown, overlapping merges, ignore_merges.
v = {"<unk>": 0, "a": 1, "aa": 2, "aaa": 3, "b": 4, "ab": 5, "abab": 6, "<0xC3>": 7, "<0xA9>": 8, "▁": 9}
add("bpe small", Tokenizer(models.BPE(v, [("a", "a"), ("aa", "a"), ("a", "b")], unk_token="<unk>", fuse_unk=True, byte_fallback=True)))
add("bpe ignore merges", Tokenizer(models.BPE(v, [("a", "a"), ("a", "b")], ignore_merges=True)))
v = {"<unk>": 0, "a": 1, "##a": 2, "a</w>": 3, "##a</w>": 4, "aa</w>": 5, "b": 6, "##b": 7, "##b</w>": 8, "ab": 9, "ab</w>": 10, "##ab": 11}
t = Tokenizer(models.BPE(v, [("a", "##a</w>"), ("a", "##b"), ("##a", "##b"), ("a", "##b</w>")], unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
t.pre_tokenizer = p.WhitespaceSplit()
t.decoder = decoders.BPEDecoder("</w>")
add("bpe affixes", t)

t = Tokenizer(models.Unigram())
t.normalizer = n.Sequence([n.Precompiled(charsmap), n.Replace(Regex(" {2,}"), " ")])
t.pre_tokenizer = p.Metaspace()
t.decoder = decoders.Metaspace()
t.train_from_iterator(TEXT, trainers.UnigramTrainer(vocab_size=150, special_tokens=["<s>", "</s>", "<unk>", "<mask>"], unk_token="<unk>", show_progress=False))
flags(t)
add("unigram", t)
j = json.loads(t.to_str())
del j["model"]["type"]
add("unigram without a type", Tokenizer.from_str(json.dumps(j)), texts=EDGE[-20:])
u = [("<unk>", 0.0), ("a", -1.0), ("b", -1.0), ("ab", -2.0), ("<0xC3>", -5.0), ("<0xA9>", -5.0), ("x", -3.0), ("漢字", -4.0), ("aaa", -2.5)]
add("unigram ties and bytes", Tokenizer(models.Unigram(u, 0, True)))
add("unigram no unk", Tokenizer(models.Unigram(u, None, False)))

t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
t.normalizer = n.BertNormalizer()
t.pre_tokenizer = p.BertPreTokenizer()
t.decoder = decoders.WordPiece()
t.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
flags(t)
add("wordpiece", t, texts=EDGE + ["x" * 101, "x" * 100, "shells 's do not n't , . ' a ' I 'm"], pairs=[("The fox", "the dog?"), ("é", "")])
t = Tokenizer(models.WordLevel({"<pad>": 0, "|": 1, "a": 2, "b": 3, "<unk>": 4}, "<unk>"))
t.pre_tokenizer = p.Split("", "isolated")
t.pre_tokenizer = p.Split(Regex("."), "isolated")
t.decoder = decoders.CTC()
add("wordlevel ctc", t, texts=["a", "aab||b", "ba<pad>", "aa|b", "x"])
t = Tokenizer(models.WordLevel({"a": 0}, "<none>"))
add("wordlevel no unk", t, texts=["a", "b"])

sps = []
for name, b in spmodels.items():
    s = spm.SentencePieceProcessor(model_proto=b)
    rows = [dict(text=t, ids=s.encode(t), decoded=s.decode(s.encode(t))) for t in EDGE + ["a<sep>b", " <sep> ", "x\ty", "a  b   c", "\u00ad", "the fox", " \u00ad ", "a  the x\n b"]]
    sps.append(dict(name=name, model=base64.b64encode(b).decode(), cases=rows))
tiny = []
for name in ("base", "sums", "lists"):
    t = Tokenizer.from_file(str(here.parents[2] / "testdata/models" / name / "tokenizer.json"))
    rows = [dict(text=x, ids=t.encode(x).ids, decoded=t.decode(t.encode(x).ids, skip_special_tokens=False)) for x in EDGE + TEXT[:8] + ["<|begin|>2 + 3 = 5<|end|>"]]
    tiny.append(dict(name=name, cases=rows))
with gzip.GzipFile(here / "golden.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(dict(tokenizers=cases, sentencepiece=sps, models=tiny), ensure_ascii=False).encode())
