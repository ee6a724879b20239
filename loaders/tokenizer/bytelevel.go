package tokenizer

// byteToChar is the printable character that stands for each byte in
// byte-level vocabularies (GPT-2): printable Latin-1 for itself, the others
// from U+0100 on.
var byteToChar = func() (out [256]rune) {
	next := rune(0x100)
	for b := range out {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= 0xA1 && r != 0xAD {
			out[b] = r
			continue
		}
		out[b] = next
		next++
	}
	return
}()

// charToByte is its inverse; -1 for characters that stand for no byte.
var charToByte = func() (out [0x144]int16) {
	for i := range out {
		out[i] = -1
	}
	for b, r := range byteToChar {
		out[r] = int16(b)
	}
	return
}()

// appendBytes appends the bytes that a byte-level token stands for; false if
// one of its characters stands for none.
func appendBytes(dst []byte, token string) ([]byte, bool) {
	from := len(dst)
	for _, r := range token {
		if r >= rune(len(charToByte)) || charToByte[r] < 0 {
			return dst[:from], false
		}
		dst = append(dst, byte(charToByte[r]))
	}
	return dst, true
}
