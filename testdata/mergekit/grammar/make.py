# Makes the tiny models of this folder, and runs mergekit 0.1.5 over cases/*/config.yml.
import json, os, shutil, subprocess, tempfile
import numpy as np, torch, yaml
from safetensors.torch import save_file, load_file
root = os.path.dirname(os.path.abspath(__file__)); shutil.rmtree(root+'/models', ignore_errors=True); os.makedirs(root+'/models')
H, F, V, L = 8, 12, 16, 4

def block(p, n=L, h=H, f=F):
    s = {}
    for i in range(n):
        b = f'{p}.{i}.'
        for k in 'qkvo': s[b+f'self_attn.{k}_proj.weight'] = (h, h)
        s[b+'mlp.gate_proj.weight'] = (f, h); s[b+'mlp.up_proj.weight'] = (f, h); s[b+'mlp.down_proj.weight'] = (h, f)
        s[b+'input_layernorm.weight'] = (h,); s[b+'post_attention_layernorm.weight'] = (h,)
    return s
def llama():
    return {'model.embed_tokens.weight': (V, H), **block('model.layers'), 'model.norm.weight': (H,), 'lm_head.weight': (V, H)}
def values(shapes, seed, base=None, scale=0.05):
    r = np.random.default_rng(seed)
    return {k: (r.normal(size=s) if base is None else base[k] + scale*r.normal(size=s)).astype(np.float32) for k, s in shapes.items()}
def write(name, tensors, config, dtype=torch.float32):
    d = f'{root}/models/{name}'; os.makedirs(d)
    save_file({k: torch.from_numpy(v).to(dtype) for k, v in tensors.items()}, d+'/model.safetensors', metadata={'format': 'pt'})
    json.dump(config, open(d+'/config.json', 'w'), indent=1)
cfg = dict(architectures=['LlamaForCausalLM'], model_type='llama', hidden_size=H, intermediate_size=F, num_hidden_layers=L, num_attention_heads=2, num_key_value_heads=2, vocab_size=V, max_position_embeddings=32, rms_norm_eps=1e-6, tie_word_embeddings=False, dtype='float32', hidden_act='silu')
base = values(llama(), 1)
write('base', base, {**cfg, 'rope_theta': 5000.0})
tuned = {n: values(llama(), s, base) for n, s in [('a', 2), ('b', 3)]}
for n in tuned: write(n, tuned[n], cfg)
write('half', values(llama(), 4, base), {**cfg, 'dtype': 'bfloat16'}, torch.bfloat16)
write('odd', values(llama(), 5, base), {**cfg, 'architectures': ['YetAnotherForCausalLM']})

# a family that mergekit has no data of, and one of two towers
olmo = {k: s for k, s in llama().items() if 'norm' not in k}
ocfg = {**cfg, 'architectures': ['OlmoForCausalLM'], 'model_type': 'olmo'}; del ocfg['rms_norm_eps']
ob = values(olmo, 11); write('olmo', ob, ocfg); write('olmo-tuned', values(olmo, 12, ob), ocfg)
def vlm():
    s = {'language_model.'+k: v for k, v in llama().items()}
    for p in ('multi_modal_projector.linear_1.weight', 'multi_modal_projector.linear_2.weight'): s[p] = (H, H)
    s['multi_modal_projector.norm.weight'] = (H,); s['multi_modal_projector.patch_merger.merging_layer.weight'] = (H, H)
    s['vision_tower.patch_conv.weight'] = (H, 3, 2, 2); s['vision_tower.ln_pre.weight'] = (H,)
    for i in range(3):
        b = f'vision_tower.transformer.layers.{i}.'
        for k in ('attention_norm', 'ffn_norm'): s[b+k+'.weight'] = (H,)
        for k in 'qkvo': s[b+f'attention.{k}_proj.weight'] = (H, H)
        for k in ('gate', 'up'): s[b+f'feed_forward.{k}_proj.weight'] = (F, H)
        s[b+'feed_forward.down_proj.weight'] = (H, F)
    return s
text = dict(model_type='mistral', hidden_size=H, intermediate_size=F, num_hidden_layers=L, num_attention_heads=2, num_key_value_heads=2, vocab_size=V, head_dim=4)
vcfg = dict(architectures=['Mistral3ForConditionalGeneration'], model_type='mistral3', dtype='float32', vision_config=dict(model_type='pixtral', hidden_size=H, intermediate_size=F, num_hidden_layers=3, num_attention_heads=2, image_size=8, patch_size=2), text_config=text)
vb = values(vlm(), 21); write('vlm', vb, vcfg); write('vlm-a', values(vlm(), 22, vb), vcfg); write('vlm-b', values(vlm(), 23, vb), vcfg)

from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
os.chdir(root)
scratch = tempfile.mkdtemp()
for name in sorted(os.listdir('cases')):
    d, out = f'cases/{name}', f'{scratch}/{name}'
    docs = list(yaml.safe_load_all(open(d+'/config.yml')))
    if len(docs) > 1:
        subprocess.run(['mergekit-multi', d+'/config.yml', '--out-path', out, '-I', out+'-mid', '--no-lazy', '--quiet', '--no-write-model-card', '--no-copy-tokenizer'], check=True, capture_output=True)
    else:
        run_merge(MergeConfiguration.model_validate(docs[0]), out, MergeOptions(write_model_card=False, copy_tokenizer=False, quiet=True, random_seed=0, device='cpu'))
    t = {}
    for f in sorted(os.listdir(out)):
        if f.endswith('.safetensors'): t.update(load_file(f'{out}/{f}'))
    save_file({k: v.contiguous() for k, v in t.items()}, d+'/expected.safetensors')
    shutil.copy(out+'/config.json', d+'/expected.config.json')
    print(name, len(t), {str(v.dtype) for v in t.values()})
