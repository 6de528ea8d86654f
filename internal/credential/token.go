// Package credential checks what callers authenticate with: shared tokens and client certificates.
package credential

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxToken    = 512 // bytes; it must fit into headers of 8 KiB
	shortToken  = 16  // characters; a shorter one can be guessed
	hashedToken = "sha256:"
)

// Digest is the SHA-256 of a token. Tokens themselves are not kept.
type Digest [sha256.Size]byte

// published has the digests of the example tokens in the documents. They are weak in every form;
// other short tokens only if given in plain text.
var published = []string{
	"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", // README.md
	"fe7967abbb1410fa756301436c0e915bb303fd56be5a4b7626cf3286528554a2", // README.md
	"3be9243df85efbd8c6fc26cf60a3f633e9b60c26dc455876100eea9b16259ce4", // README.md
	"787bece35107f61e973335007a9a60ac6adb689af7a3b1aee88f2c515fac258b", // .env.example
	"84a1ef73773f8468b9e33b8acc80ccd5ba6d2adbd76eb2e08f431db680229f0c", // .env.example
	"926c4533bfd0e0c0f6ef04f05be7c76a614667a84c9eddcfae4bc9686269baa9", // .env.example
	"427dfbff382c0be3e664ab01af583ce795e46a8f57d85758b6887fc84b426ef3", // .env.example
	"8e48a882e6d0867663a7edbaa4285b265a928035d4cc102c8b959d8e326f9a2c", // Go examples
	"4fbb2c8fb2bc428b501f9d6a686b6b88054383d5c4bdfbde6aee3f0aa7018e34", // Go examples
	"5321964f3e3958a7fcb324121c34781d19c2164d52a97e8bb19760ae71edf6bf", // Go examples
	"188b89d771d831c2e30a8e82828be401e5c9c428bfa68e2ead48a5b555b8119a", // Go examples
}

func (d Digest) isPublished() bool { return slices.Contains(published, hex.EncodeToString(d[:])) }

// ParseToken reads a token, plain or "sha256:<64 hex digits>". It reports as weak a plain token
// of under 16 characters and one that is published in the documents. The error never repeats the
// token.
func ParseToken(text string) (d Digest, weak bool, err error) {
	if hexed, found := strings.CutPrefix(text, hashedToken); found {
		if n, err := hex.Decode(d[:], []byte(hexed[:min(len(hexed), 2*len(d))])); err != nil || n != len(d) || len(hexed) != 2*len(d) {
			return d, false, errors.New("sha256: must be followed by 64 hex digits")
		}
		if d == sha256.Sum256(nil) {
			return d, false, errors.New("it is the digest of an empty token")
		}
		return d, d.isPublished(), nil
	}
	switch {
	case text == "":
		return d, false, errors.New("it is empty")
	case len(text) > maxToken:
		return d, false, fmt.Errorf("it is longer than %d bytes", maxToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }):
		return d, false, errors.New("it may contain visible ASCII characters only, except commas")
	}
	d = sha256.Sum256([]byte(text))
	return d, len(text) < shortToken || d.isPublished(), nil
}

// MatchToken returns the digest in tokens of the presented token. To hide how many tokens there
// are and whether one matched, it always makes rounds comparisons, each in constant time.
func MatchToken(tokens []Digest, presented string, rounds int) (Digest, bool) {
	got := sha256.Sum256([]byte(presented))
	var none Digest
	match := -1
	for i := range rounds {
		candidate := &none
		if i < len(tokens) {
			candidate = &tokens[i]
		}
		if subtle.ConstantTimeCompare(candidate[:], got[:]) == 1 && i < len(tokens) {
			match = i
		}
	}
	if match < 0 || presented == "" {
		return none, false
	}
	return tokens[match], true
}
