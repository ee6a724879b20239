package gemm

// smallPanels bounds the elements of either packed operand of a small product:
// both stay in L1 or near it.
const smallPanels = 1 << 13

// small computes a product of one block on the caller's goroutine, with none
// of the set-up that large ones repay. The sums are the same.
func small[T float](t *kit[T], transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	rows, cols := roundUp(m, t.mr), roundUp(n, t.nr)
	buf := borrow[T]((rows+cols)*k + cacheLine)
	defer buf.giveBack()
	pa, pb := buf.x[cols*k:], buf.x // B first: its panels are whole lines
	t.packAll(pa, t.mr, a, lda, !transA, m, k)
	t.packAll(pb, t.nr, b, ldb, transB, n, k)
	for j := 0; j < n; j += t.nr {
		for i := 0; i < m; i += t.mr {
			t.finish(k, &pa[i*k], &pb[j*k], c[i*ldc+j:], ldc, alpha, beta, min(t.mr, m-i), min(t.nr, n-j))
		}
	}
}

// packAll packs n rows or columns into panels of the given width.
func (t *kit[T]) packAll(dst []T, width int, x []T, ld int, across bool, n, k int) {
	if across {
		panelsAcross(t.across, dst, width, x, ld, ld, n, k)
	} else {
		panelsAlong(t.along, dst, width, x, ld, 1, n, k)
	}
}
