package gemm

// Fetch asks for memory that is read soon. It changes nothing but time.
func Fetch(x []float32) {
	if lines := len(x) / 16; lines > 0 {
		fetch(&x[0], lines)
	}
}
