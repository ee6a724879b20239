package shards

import "testing"

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00002.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, _, err := parseIndex(text, ".safetensors")
		for _, s := range names {
			if err == nil && !plainName(s, ".safetensors") {
				t.Errorf("shard name %q got through", s)
			}
		}
	})
}
