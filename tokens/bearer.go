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

// place is where the record of a token stands, and which of its versions it is. No version is
// made twice there, so a place belongs to one token for ever.
type place struct {
	service string
	slot    int
	version myvault.Version
}

// id names the token: it is no secret.
func (p place) id() string { return fmt.Sprintf("%s.%d.%d", p.service, p.slot, p.version) }

// path is that of the record.
func (p place) path() string { return p.service + "/" + strconv.Itoa(p.slot) }

// parseID reads what id wrote, and nothing else.
func parseID(text string) (place, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || myvault.ValidateService(parts[0]) != nil {
		return place{}, false
	}
	slot, err := strconv.Atoi(parts[1])
	if err != nil || slot < 0 || slot >= mostPerService {
		return place{}, false
	}
	version, err := strconv.ParseUint(parts[2], 10, 63)
	p := place{parts[0], slot, myvault.Version(version)}
	return p, err == nil && version > 0 && p.id() == text
}

// open reads a bearer token: well-formed, in the one spelling that it has, and with nothing that the signature does
// not cover. Whether it is genuine is not known then.
func open(bearer string) (*macaroon.Macaroon, place, error) {
	invalid := fmt.Errorf("tokens: %w token: it is cut, changed, or none of this vault", myvault.ErrInvalid)
	if len(bearer) > MaxBearer {
		return nil, place{}, invalid
	}
	raw, err := base64.RawURLEncoding.DecodeString(bearer)
	if err != nil {
		return nil, place{}, invalid
	}
	m := new(macaroon.Macaroon)
	if err := m.UnmarshalBinary(raw); err != nil || m.Version() != macaroon.V2 || m.Location() != "" {
		return nil, place{}, invalid
	}
	id, found := strings.CutPrefix(string(m.Id()), idPrefix)
	at, ok := parseID(id)
	if !found || !ok || len(m.Caveats()) > MaxCaveats {
		return nil, place{}, invalid
	}
	for _, c := range m.Caveats() {
		// Nobody else is asked to vouch for anything.
		if len(c.VerificationId) > 0 || c.Location != "" || len(c.Id) > MaxCaveat || !utf8.Valid(c.Id) {
			return nil, place{}, invalid
		}
	}
	// The readers ignore what stands behind a macaroon, and line ends in base64, and know several spellings.
	if written, err := m.MarshalBinary(); err != nil || base64.RawURLEncoding.EncodeToString(written) != bearer {
		return nil, place{}, invalid
	}
	return m, at, nil
}

// write gives the bearer token of a macaroon.
func write(m *macaroon.Macaroon) (myvault.Value, error) {
	raw, err := m.MarshalBinary()
	if err != nil {
		return myvault.Value{}, fmt.Errorf("tokens: %w token: it cannot be written", myvault.ErrInvalid)
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	if len(text) > MaxBearer {
		return myvault.Value{}, fmt.Errorf("tokens: %w: a token has at most %d bytes", myvault.ErrTooLarge, MaxBearer)
	}
	return myvault.Text(text), nil
}

// Narrow gives a token that may do only what bearer may and every caveat lets it. It needs no vault and
// no network. ErrInvalid for what is no token, and for a caveat that says nothing; ErrTooLarge over [MaxCaveats]
// or [MaxBearer].
func Narrow(bearer myvault.Value, caveats ...Caveat) (myvault.Value, error) {
	m, _, err := open(bearer.Reveal())
	if err != nil {
		return myvault.Value{}, err
	}
	if len(m.Caveats())+len(caveats) > MaxCaveats {
		return myvault.Value{}, fmt.Errorf("tokens: %w: a token has at most %d caveats", myvault.ErrTooLarge, MaxCaveats)
	}
	for _, c := range caveats {
		if c.text == "" {
			return myvault.Value{}, invalidCaveat("it is empty, or was made of no rule, no action or a year beyond 9999")
		}
		if err := m.AddFirstPartyCaveat([]byte(c.text)); err != nil {
			return myvault.Value{}, invalidCaveat("it cannot be added")
		}
	}
	return write(m)
}
