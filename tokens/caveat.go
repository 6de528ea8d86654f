package tokens

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// Caveat narrows a token. The zero Caveat is refused by [Narrow].
type Caveat struct {
	text        string
	rules       []myvault.Rule
	before      time.Time
	certificate string // hexadecimal digits
}

// Rules lets a token do only what one of the rules covers.
func Rules(rules ...myvault.Rule) Caveat {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.String()
	}
	return read("rules " + strings.Join(texts, ","))
}

// Actions lets a token do only these actions, wherever it may.
func Actions(set myvault.Action) Caveat { return read("actions " + set.String()) }

// Before ends a token at a time, or with the second before it.
func Before(t time.Time) Caveat { return read("before " + t.UTC().Format(timeFormat)) }

// Certificate lets a token be used only over a connection whose client certificate, the leaf
// in DER, has this SHA-256.
func Certificate(sum [sha256.Size]byte) Caveat {
	return read("certificate " + hex.EncodeToString(sum[:]))
}

// read parses a caveat that this package wrote; one that says nothing stays zero, and is refused
// where it is used.
func read(text string) Caveat {
	c, err := ParseCaveat(text)
	if err != nil {
		return Caveat{}
	}
	return c
}

// String gives the caveat as it stands in the token.
func (c Caveat) String() string { return c.text }

// timeFormat is RFC 3339 in UTC and whole seconds.
const timeFormat = "2006-01-02T15:04:05Z"

// ParseCaveat reads a caveat as it stands in a token. There are four kinds, one blank behind
// the first word, no other ones that a rule does not hold, at most [MaxCaveat] bytes:
//
//	caveat = "rules " rule { "," rule }           only what one of these covers; rules as in ALLOW_ lines
//	       | "actions " action { "+" action }     only read, write, delete, list, destroy, audit
//	       | "before " time                       2026-11-28T19:00:00Z: in UTC, not later than this
//	       | "certificate " 64 hex digits         SHA-256 of the client certificate, lower case
//
// Each can only take away. Anything else is ErrInvalid, and a token that has it is refused: what
// is not understood may have been meant to forbid something. The error does not repeat the caveat.
func ParseCaveat(text string) (Caveat, error) {
	c := Caveat{text: text}
	kind, rest, _ := strings.Cut(text, " ")
	var err error
	switch {
	case len(text) > MaxCaveat:
		return Caveat{}, invalidCaveat("it is too long")
	case kind == "rules":
		c.rules, err = parseRules(rest)
	case kind == "actions":
		c.rules, err = parseActions(rest)
	case kind == "before":
		if c.before, err = time.Parse(timeFormat, rest); err != nil || c.before.Format(timeFormat) != rest {
			return Caveat{}, invalidCaveat("want a time such as 2026-11-28T19:00:00Z")
		}
	case kind == "certificate":
		raw, err := hex.DecodeString(rest)
		if err != nil || len(raw) != sha256.Size || strings.ToLower(rest) != rest {
			return Caveat{}, invalidCaveat("want 64 hexadecimal digits in lower case")
		}
		c.certificate = rest
	default:
		return Caveat{}, invalidCaveat("want rules, actions, before or certificate")
	}
	if err != nil {
		return Caveat{}, err
	}
	return c, nil
}

// parseActions gives the rule for everything, with these actions: the intersection leaves just
// them. Each is read by itself, for a rule has other parts, and "," begins another one.
func parseActions(text string) ([]myvault.Rule, error) {
	for name := range strings.SplitSeq(text, "+") {
		if _, err := myvault.ParseAction(name); err != nil {
			return nil, invalidCaveat("want actions of read, write, delete, list, destroy and audit, joined by +")
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
