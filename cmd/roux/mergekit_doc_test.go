package main

import (
	"strings"
	"testing"
)

// TestMergekitDoc: docs/mergekit.md names every method, key, parameter, option
// and tool of mergekit 0.1.5.
func TestMergekitDoc(t *testing.T) {
	doc := string(read(t, "../../docs/mergekit.md"))
	for _, words := range []string{
		"linear slerp passthrough model_stock nuslerp multislerp karcher nearswap arcee_fusion sce ram ramplus_tl task_arithmetic ties dare_linear dare_ties breadcrumbs breadcrumbs_ties della della_linear",
		"weight scale density gamma epsilon normalize rescale lambda int8_mask t filter_wise nuslerp_flatten nuslerp_row_wise normalize_weights eps max_iter tol select_topk r alpha",
		"merge_method models slices modules base_model parameters dtype out_dtype tokenizer_source tokenizer chat_template sources layer_range residual_weight filter value model lora path revision override_architecture name",
		"allow-crimes unsafe-truncate-embeddings transformers-cache lora-merge-cache lora-merge-dtype cuda device low-cpu-memory out-shard-size copy-tokenizer clone-tensors trust-remote-code random-seed lazy-unpickle write-model-card safe-serialization quiet read-to-gpu multi-gpu num-threads gpu-rich async-write write-threads",
		"mergekit-yaml mergekit-multi mergekit-pytorch mergekit-extract-lora mergekit-moe mergekit-tokensurgeon mergekit-legacy mergekit-layershuffle bakllama mergekit-evolve",
		"approximation-method omp common_interpolation subword randn john_hewitt landmark_pca stb mp_rope cosine-similarity weight-scheme subword-method prefix-match byte-match batch-size magikarp new-vocab-noise new-vocab-scale",
		"load-in-4bit load-in-8bit i-understand-this-is-not-useful-without-training gate_mode experts_per_token shared_experts positive_prompts negative_prompts noise_scale residual_scale genome tasks storage-path max-fevals strategy",
		"out-path intermediate-dir lazy tensor-intersection tensor-union merge base-model method int8-mask bf16 naive-count print-yaml write-yaml dry-run fp16 full-random layer_slices embedding_source lm_head_source start end",
	} {
		for _, word := range strings.Fields(words) {
			if !strings.Contains(doc, word) {
				t.Errorf("docs/mergekit.md does not name %s", word)
			}
		}
	}
}
