package myvault

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxToken    = 512 // bytes; headers of 8 KiB must hold it
	shortToken  = 16  // characters; a shorter one can be guessed
	maxTokens   = 16  // of one service
	hashedToken = "sha256:"
)

// digest is SHA-256 of a token. The policy keeps no token.
type digest [sha256.Size]byte

// parseToken reads one item of a TOKEN_ line, plain or "sha256:<64 hex digits>".
// weak tells that it is plain and short. The error never repeats the token.
func parseToken(text string) (d digest, weak bool, err error) {
	if hexed, found := strings.CutPrefix(text, hashedToken); found {
		if n, err := hex.Decode(d[:], []byte(hexed[:min(len(hexed), 2*len(d))])); err != nil || n != len(d) || len(hexed) != 2*len(d) {
			return d, false, fmt.Errorf("%w token: sha256: must be followed by 64 hex digits", ErrInvalid)
		}
		if d == sha256.Sum256(nil) {
			return d, false, fmt.Errorf("%w token: it is the digest of an empty token", ErrInvalid)
		}
		return d, false, nil
	}
	switch {
	case text == "":
		return d, false, fmt.Errorf("%w token: it is empty", ErrInvalid)
	case len(text) > maxToken:
		return d, false, fmt.Errorf("%w token: it is longer than %d bytes", ErrInvalid, maxToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }):
		return d, false, fmt.Errorf("%w token: it may hold visible ASCII only, and no comma or blank", ErrInvalid)
	}
	return sha256.Sum256([]byte(text)), len(text) < shortToken, nil
}

// matchToken finds which of the tokens was presented. The work is the same whatever the
// tokens and the presented one are, up to rounds tokens, and for no tokens at all.
func matchToken(tokens []digest, presented string, rounds int) (digest, bool) {
	got := sha256.Sum256([]byte(presented))
	var none digest
	found := -1
	for i := range rounds {
		candidate := &none
		if i < len(tokens) {
			candidate = &tokens[i]
		}
		if subtle.ConstantTimeCompare(candidate[:], got[:]) == 1 && i < len(tokens) {
			found = i
		}
	}
	if found < 0 || presented == "" {
		return none, false
	}
	return tokens[found], true
}
