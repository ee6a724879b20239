package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

var halfKits = [...][2]halfPack{
	cpu.Portable: {BF16: portableHalf(BF16), F16: portableHalf(F16)},
	cpu.AVX2: {
		BF16: halfAVX2(BF16, f32Copy16BF16AVX2, f32Transpose8BF16AVX2),
		F16:  halfAVX2(F16, f32Copy16F16AVX2, f32Transpose8F16AVX2),
	},
	cpu.AVX512: {
		BF16: halfAVX512(f32CopyBF16AVX512, acrossAVX512(16, 2, f32Transpose16BF16AVX512, f32EdgeBF16AVX512)),
		F16:  halfAVX512(f32CopyF16AVX512, acrossAVX512(16, 2, f32Transpose16F16AVX512, f32EdgeF16AVX512)),
	},
}

func halfKit(f Format) halfPack { return halfKits[cpu.Active()][f] }

func halfAVX512(along func(dst *float32, width int, src *byte, ld, cols, k int), across packer[float32, byte]) halfPack {
	return halfPack{
		along: func(dst []float32, width int, src []byte, ld, n, k int) {
			along(&dst[0], width, &src[0], ld, n, k)
		},
		across: across,
	}
}

func halfAVX2(f Format, along func(dst *float32, src *byte, ld, k int), across func(dst *float32, width int, src *byte, ld, blocks int)) halfPack {
	scalar := portableHalf(f)
	return halfPack{
		along: func(dst []float32, width int, src []byte, ld, n, k int) {
			if n < width {
				scalar.along(dst, width, src, ld, n, k)
				return
			}
			along(&dst[0], &src[0], ld, k)
		},
		across: acrossBy(8, 2, func(dst []float32, width int, src []byte, ld, blocks int) {
			across(&dst[0], width, &src[0], ld, blocks)
			across(&dst[8], width, &src[2*8*ld], ld, blocks)
		}, scalar.across),
	}
}
