package blocks

func q2K(dst []float32, src []byte) {
	scales, qs := src[:16], src[16:80]
	d, m := half(src[80:]), half(src[82:])
	for i := range 16 { // 16 values with a scale and a minimum
		dl, ml := d*float32(scales[i]&15), m*float32(scales[i]>>4)
		shift := i % 8 / 2 * 2
		for j, b := range qs[32*(i/8)+16*(i%2):][:16] {
			dst[16*i+j] = float32(dl*float32(b>>shift&3)) - ml
		}
	}
}

func q3K(dst []float32, src []byte) {
	mask, qs, scales := src[:32], src[32:96], src[96:108]
	d := half(src[108:])
	for i := range 16 {
		low := scales[i%8] >> (4 * (i / 8)) & 15
		scale := int(low) | int(scales[8+i%4]>>(2*(i/4))&3)<<4
		dl := d * float32(scale-32)
		shift := i % 8 / 2 * 2
		for j, b := range qs[32*(i/8)+16*(i%2):][:16] {
			q := int(b >> shift & 3)
			if mask[16*(i%2)+j]>>(i/2)&1 == 0 {
				q -= 4
			}
			dst[16*i+j] = dl * float32(q)
		}
	}
}

// sixBits is scale and minimum i of a super-block's eight.
func sixBits(b []byte, i int) (scale, minimum byte) {
	if i < 4 {
		return b[i] & 63, b[i+4] & 63
	}
	return b[i+4]&15 | b[i-4]>>6<<4, b[i+4]>>4 | b[i]>>6<<4
}

func q4K(dst []float32, src []byte) {
	d, m := half(src), half(src[2:])
	for i := range 8 {
		scale, minimum := sixBits(src[4:16], i)
		dl, ml := d*float32(scale), m*float32(minimum)
		for j, b := range src[16+32*(i/2):][:32] {
			dst[32*i+j] = float32(dl*float32(b>>(4*(i%2))&15)) - ml
		}
	}
}

func q5K(dst []float32, src []byte) {
	d, m, high := half(src), half(src[2:]), src[16:48]
	for i := range 8 {
		scale, minimum := sixBits(src[4:16], i)
		dl, ml := d*float32(scale), m*float32(minimum)
		for j, b := range src[48+32*(i/2):][:32] {
			q := b>>(4*(i%2))&15 | high[j]>>i&1<<4
			dst[32*i+j] = float32(dl*float32(q)) - ml
		}
	}
}

func q6K(dst []float32, src []byte) {
	d := half(src[208:])
	for i := range 8 { // 32 values with two scales
		h, part := i/4, i%4
		low, high := src[64*h+32*(part%2):], src[128+32*h:]
		for j := range 32 {
			scale := d * float32(int8(src[192+2*i+j/16]))
			q := int(low[j]>>(part/2*4)&15) | int(high[j]>>(2*part)&3)<<4
			dst[32*i+j] = scale * float32(q-32)
		}
	}
}
