package tokens

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// Caveat narrows a token. [Narrow] refuses the zero Caveat.
type Caveat struct {
	text        string
	rules       []myvault.Rule
	before      time.Time
	certificate string // hexadecimal digits
}

// Rules limits a token to rights that at least one of rules covers.
func Rules(rules ...myvault.Rule) Caveat {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.String()
	}
	return newCaveat("rules " + strings.Join(texts, ","))
}

// Actions limits a token to the actions in set.
func Actions(set myvault.Action) Caveat { return newCaveat("actions " + set.String()) }

// Before ends a token at t, rounded down to the second.
func Before(t time.Time) Caveat { return newCaveat("before " + t.UTC().Format(timeFormat)) }

// Certificate limits a token to connections whose client certificate, the leaf in DER, has the
// SHA-256 sum.
func Certificate(sum [sha256.Size]byte) Caveat {
	return newCaveat("certificate " + hex.EncodeToString(sum[:]))
}

// newCaveat parses text, or returns the zero Caveat, which Narrow refuses.
func newCaveat(text string) Caveat {
	c, err := ParseCaveat(text)
	if err != nil {
		return Caveat{}
	}
	return c
}

// String returns the text of the caveat, as the token contains it.
func (c Caveat) String() string { return c.text }

// timeFormat is RFC 3339 in UTC with whole seconds.
const timeFormat = "2006-01-02T15:04:05Z"

// ParseCaveat parses the text of a caveat, of at most [MaxCaveatSize] bytes. There are four
// kinds. One space follows the first word; further spaces may occur only inside a rule.
//
//	caveat = "rules " rule { "," rule }         rights that one of these covers, as in ALLOW_ lines
//	       | "actions " action { "+" action }   read, write, delete, list, destroy or audit
//	       | "before " time                     until 2026-11-28T19:00:00Z, always in UTC
//	       | "certificate " 64 hex digits       SHA-256 of the client certificate, in lower case
//
// A caveat can only remove rights. ParseCaveat returns ErrInvalid for any other text, and Login
// refuses a token that contains one: an unknown caveat may have been meant to forbid something.
// The error does not repeat the caveat.
func ParseCaveat(text string) (Caveat, error) {
	c := Caveat{text: text}
	kind, rest, _ := strings.Cut(text, " ")
	var err error
	switch {
	case len(text) > MaxCaveatSize:
		return Caveat{}, invalidCaveat("it is too long")
	case kind == "rules":
		c.rules, err = parseRules(rest)
	case kind == "actions":
		c.rules, err = parseActions(rest)
	case kind == "before":
		if c.before, err = time.Parse(timeFormat, rest); err != nil || c.before.Format(timeFormat) != rest {
			return Caveat{}, invalidCaveat("use a time such as 2026-11-28T19:00:00Z")
		}
	case kind == "certificate":
		raw, err := hex.DecodeString(rest)
		if err != nil || len(raw) != sha256.Size || strings.ToLower(rest) != rest {
			return Caveat{}, invalidCaveat("use 64 hexadecimal digits in lower case")
		}
		c.certificate = rest
	default:
		return Caveat{}, invalidCaveat("use rules, actions, before or certificate")
	}
	if err != nil {
		return Caveat{}, err
	}
	return c, nil
}

// parseActions returns a rule that covers every secret, with the actions in text. It parses
// each action first: text becomes part of a rule, and must not contain other parts of one.
func parseActions(text string) ([]myvault.Rule, error) {
	for name := range strings.SplitSeq(text, "+") {
		if _, err := myvault.ParseAction(name); err != nil {
			return nil, invalidCaveat("use read, write, delete, list, destroy and audit, joined by +")
		}
	}
	return parseRules("*/@" + text)
}

func parseRules(text string) ([]myvault.Rule, error) {
	var rules []myvault.Rule
	for item := range strings.SplitSeq(text, ",") {
		r, err := myvault.ParseRule(item)
		if err != nil {
			return nil, invalidCaveat("a rule does not parse")
		}
		rules = append(rules, r)
	}
	if len(rules) > MaxRules {
		return nil, invalidCaveat("it has too many rules")
	}
	return rules, nil
}

func invalidCaveat(reason string) error {
	return fmt.Errorf("tokens: %w caveat: %s", myvault.ErrInvalid, reason)
}
