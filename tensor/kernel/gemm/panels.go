package gemm

// packer packs one panel of n rows or columns over k steps; width-n lanes of
// it are zeros. Ld is in elements, which may take several S each.
type packer[T float, S any] func(dst []T, width int, src []S, ld, n, k int)

// panelsAcross packs n rows of k elements into panels. From one row to the
// next are step of S.
func panelsAcross[T float, S any](pack packer[T, S], dst []T, width int, src []S, ld, step, n, k int) {
	for i := 0; i < n; i += width {
		pack(dst[i*k:(i+width)*k], width, src[i*step:], ld, min(width, n-i), k)
	}
}

// panelsAlong packs k rows of n elements into panels, some rows at a time, so
// that the panels share the lines and pages that they read. An element is each
// of S.
func panelsAlong[T float, S any](pack packer[T, S], dst []T, width int, src []S, ld, each, n, k int) {
	const rows = 32
	for p := 0; p < k; p += rows {
		some := min(rows, k-p)
		for i := 0; i < n; i += width {
			at := i*k + p*width
			pack(dst[at:at+some*width], width, src[each*(p*ld+i):], ld, min(width, n-i), some)
		}
	}
}
