package tokens

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
)

const idPrefix = "myvault-token-v1:"

// tokenID identifies a token: the slot of its record and the record's version. Versions of a
// slot are never reused, so neither is a tokenID. It is not secret.
type tokenID struct {
	service string
	slot    int
	version myvault.Version
}

// String returns the ID as [Token] and the macaroon hold it.
func (t tokenID) String() string { return fmt.Sprintf("%s.%d.%d", t.service, t.slot, t.version) }

// path returns the path of the record.
func (t tokenID) path() string { return t.service + "/" + strconv.Itoa(t.slot) }

// parseID parses exactly the texts that String returns.
func parseID(text string) (tokenID, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || myvault.ValidateService(parts[0]) != nil {
		return tokenID{}, false
	}
	slot, err := strconv.Atoi(parts[1])
	if err != nil || slot < 0 || slot >= maxPerService {
		return tokenID{}, false
	}
	version, err := strconv.ParseUint(parts[2], 10, 63)
	id := tokenID{parts[0], slot, myvault.Version(version)}
	return id, err == nil && version > 0 && id.String() == text
}

// parseBearer parses a bearer token. It accepts only the canonical encoding, and no parts that
// the signature does not cover. It does not check the signature.
func parseBearer(bearer string) (*macaroon.Macaroon, tokenID, error) {
	invalid := fmt.Errorf("tokens: %w token: it is truncated, altered, or of another vault", myvault.ErrInvalid)
	if len(bearer) > MaxBearerSize {
		return nil, tokenID{}, invalid
	}
	raw, err := base64.RawURLEncoding.DecodeString(bearer)
	if err != nil {
		return nil, tokenID{}, invalid
	}
	m := new(macaroon.Macaroon)
	if err := m.UnmarshalBinary(raw); err != nil || m.Version() != macaroon.V2 || m.Location() != "" {
		return nil, tokenID{}, invalid
	}
	text, found := strings.CutPrefix(string(m.Id()), idPrefix)
	id, ok := parseID(text)
	if !found || !ok || len(m.Caveats()) > MaxCaveats {
		return nil, tokenID{}, invalid
	}
	for _, c := range m.Caveats() {
		// A third-party caveat would need a discharge by another server.
		if len(c.VerificationId) > 0 || c.Location != "" || len(c.Id) > MaxCaveatSize || !utf8.Valid(c.Id) {
			return nil, tokenID{}, invalid
		}
	}
	// The decoders accept other encodings: line breaks in base64, and bytes after the macaroon.
	if canonical, err := m.MarshalBinary(); err != nil || base64.RawURLEncoding.EncodeToString(canonical) != bearer {
		return nil, tokenID{}, invalid
	}
	return m, id, nil
}

// encodeBearer returns the bearer token of a macaroon.
func encodeBearer(m *macaroon.Macaroon) (myvault.Value, error) {
	raw, err := m.MarshalBinary()
	if err != nil {
		return myvault.Value{}, fmt.Errorf("tokens: %w token: it cannot be encoded", myvault.ErrInvalid)
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	if len(text) > MaxBearerSize {
		return myvault.Value{}, fmt.Errorf("tokens: %w: a token has at most %d bytes", myvault.ErrTooLarge, MaxBearerSize)
	}
	return myvault.Text(text), nil
}

// Narrow returns a token limited to the rights that both bearer and every caveat grant. It
// needs no vault and no network. It returns ErrInvalid for a malformed token and for the zero
// Caveat, and ErrTooLarge if the result exceeds [MaxCaveats] or [MaxBearerSize].
func Narrow(bearer myvault.Value, caveats ...Caveat) (myvault.Value, error) {
	m, _, err := parseBearer(bearer.Reveal())
	if err != nil {
		return myvault.Value{}, err
	}
	if len(m.Caveats())+len(caveats) > MaxCaveats {
		return myvault.Value{}, fmt.Errorf("tokens: %w: a token has at most %d caveats", myvault.ErrTooLarge, MaxCaveats)
	}
	for _, c := range caveats {
		if c.text == "" {
			return myvault.Value{}, invalidCaveat("it is empty, or has no rule, no action or a year after 9999")
		}
		if err := m.AddFirstPartyCaveat([]byte(c.text)); err != nil {
			return myvault.Value{}, invalidCaveat("it cannot be added")
		}
	}
	return encodeBearer(m)
}
