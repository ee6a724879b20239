"""Makes split/ with gguf-py 0.19: a small llama in one file, and the same in pieces of four tensors."""
import pathlib, sys
import numpy as np, gguf
here = pathlib.Path(__file__).parent / "split"
here.mkdir(exist_ok=True)
def write(name, **split):
    r = np.random.default_rng(1)
    w = gguf.GGUFWriter(here / name, "llama", **split)
    w.add_block_count(1); w.add_context_length(64); w.add_embedding_length(16); w.add_feed_forward_length(24)
    w.add_head_count(2); w.add_head_count_kv(1); w.add_layer_norm_rms_eps(1e-5); w.add_rope_dimension_count(8)
    for t, shape in {"token_embd": (10, 16), "output_norm": (16,), "blk.0.attn_norm": (16,), "blk.0.ffn_norm": (16,), "blk.0.attn_q": (16, 16), "blk.0.attn_k": (8, 16),
                     "blk.0.attn_v": (8, 16), "blk.0.attn_output": (16, 16), "blk.0.ffn_gate": (24, 16), "blk.0.ffn_up": (24, 16), "blk.0.ffn_down": (16, 24)}.items():
        w.add_tensor(t + ".weight", r.standard_normal(shape, dtype=np.float32))
    w.add_tensor("rope_freqs.weight", np.array([1, 2, 4, 8], dtype=np.float32))
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
write("whole.gguf")
write("m.gguf", split_max_tensors=4)
write("empty.gguf", split_max_tensors=6, small_first_shard=True)  # whose first piece has no tensors
