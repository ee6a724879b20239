#include "textflag.h"

DATA bias<>+0(SB)/4, $0x7fff
GLOBL bias<>(SB), RODATA|NOPTR, $4
DATA one<>+0(SB)/4, $1
GLOBL one<>(SB), RODATA|NOPTR, $4
DATA quiet<>+0(SB)/4, $0x40
GLOBL quiet<>(SB), RODATA|NOPTR, $4

// func widenBF16(dst *float32, src *byte, n int); n is a multiple of 8
TEXT ·widenBF16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
widen:
	VPMOVZXWD (SI), Y0
	VPSLLD $16, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ widen
	VZEROUPPER
	RET

// Rounds the eight floats of Y0 to bfloat16 in the low halves of the lanes.
// Y13 holds 0x7fff, Y14 one, Y15 the quiet bit; Y1 and Y2 are used.
#define ROUND(X, T, M) \
	VCMPPS $3, X, X, M \
	VPSRLD $16, X, T \
	VPAND T, Y14, Y12 \
	VPADDD X, Y13, X \
	VPADDD Y12, X, X \
	VPSRLD $16, X, X \
	VPOR T, Y15, T \
	VBLENDVPS M, T, X, X

// func narrowBF16(dst *byte, src *float32, n int); n is a multiple of 16
TEXT ·narrowBF16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTD bias<>(SB), Y13
	VPBROADCASTD one<>(SB), Y14
	VPBROADCASTD quiet<>(SB), Y15
narrow:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y3
	ROUND(Y0, Y1, Y2)
	ROUND(Y3, Y4, Y5)
	VPACKUSDW Y3, Y0, Y0
	VPERMQ $0xD8, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $16, CX
	JNZ narrow
	VZEROUPPER
	RET

// func roundBF16(x *float32, n int); n is a multiple of 8
TEXT ·roundBF16(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	VPBROADCASTD bias<>(SB), Y13
	VPBROADCASTD one<>(SB), Y14
	VPBROADCASTD quiet<>(SB), Y15
round:
	VMOVUPS (DI), Y0
	ROUND(Y0, Y1, Y2)
	VPSLLD $16, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ round
	VZEROUPPER
	RET

// func axpy(dst *float32, w float32, x *float32, n int); n is a multiple of 8
TEXT ·axpy(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	VBROADCASTSS w+8(FP), Y1
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
axpyloop:
	VMULPS (SI), Y1, Y0
	VADDPS (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ axpyloop
	VZEROUPPER
	RET

// func scaleTo(dst *float32, w float32, x *float32, n int); n is a multiple of 8
TEXT ·scaleTo(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	VBROADCASTSS w+8(FP), Y1
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
scaleloop:
	VMULPS (SI), Y1, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ scaleloop
	VZEROUPPER
	RET

// func sub(dst, a, b *float32, n int); n is a multiple of 8
TEXT ·sub(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
subloop:
	VMOVUPS (SI), Y0
	VSUBPS (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ subloop
	VZEROUPPER
	RET

// func add(dst, a *float32, n int); n is a multiple of 8
TEXT ·add(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ n+16(FP), CX
addloop:
	VMOVUPS (DI), Y0
	VADDPS (SI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ addloop
	VZEROUPPER
	RET
