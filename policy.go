package myvault

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/credential"
	"github.com/myswiftagent/myvault/internal/pattern"
)

// Action is what a caller wants to do with a secret. Actions are combined with | to a set.
type Action uint8

// The actions. A Rule that names none allows Read, Write, Delete and List; a Deny rule that names
// none forbids all.
const (
	Read    Action = 1 << iota // read the value
	Write                      // make a version, also the first; undelete; register a project
	Delete                     // mark as deleted; by a rule for all of a project: delete the project
	List                       // see names, versions and times, not values
	Destroy                    // remove values for good
	Audit                      // read the trail; ask what other services may do
)

const (
	defaultActions = Read | Write | Delete | List
	allActions     = defaultActions | Destroy | Audit
)

var actionNames = []struct {
	action Action
	name   string
}{{Read, "read"}, {Write, "write"}, {Delete, "delete"}, {List, "list"}, {Destroy, "destroy"}, {Audit, "audit"}}

// ParseAction returns the action with that name.
func ParseAction(name string) (Action, error) {
	for _, a := range actionNames {
		if a.name == name {
			return a.action, nil
		}
	}
	return 0, fmt.Errorf("%w action: want one of read, write, delete, list, destroy, audit", ErrInvalid)
}

// String returns the name of an action, or the names of a set joined by "+".
func (a Action) String() string {
	var names []string
	for _, n := range actionNames {
		if a&n.action != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "+")
}

// Rule allows actions on the addresses that it covers or, as a Deny rule, forbids them.
//
//	rule = [ "project:" ] project ( "/" | ":" ) [ path-pattern ] [ "@" action { "+" action } ]
//
// Without a path pattern, or if that ends in "/", the rule covers everything below by whole
// segments: "newsbot/prod/" covers newsbot/prod/db. Otherwise it covers exactly one name. "*"
// matches one or more characters within a segment. Rules are made by [ParseRule]; the zero Rule
// covers nothing.
type Rule struct {
	pattern pattern.Rule
	bare    bool // names no action
}

// ParseRule reads a rule such as "project:newsbot/prod/", "common/*/@read+list" or
// "newsbot:prod/db". The error is ErrInvalid; it says what to change and does not repeat the rule.
func ParseRule(text string) (Rule, error) {
	text, actions, err := cutActions(text)
	if err != nil {
		return Rule{}, err
	}
	p, err := pattern.Parse(text)
	if err != nil {
		return Rule{}, invalid("rule", err)
	}
	r := Rule{pattern: p, bare: actions == 0}
	if r.bare {
		actions = defaultActions
	}
	r.pattern.Actions = pattern.Actions(actions)
	return r, nil
}

// cutActions splits a rule at its last "@". Without one it returns no action.
func cutActions(text string) (string, Action, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text, 0, nil
	}
	var actions Action
	for name := range strings.SplitSeq(text[at+1:], "+") {
		a, err := ParseAction(name)
		if err != nil {
			return "", 0, fmt.Errorf("%w rule: after the last @ only read, write, delete, list, destroy and audit are allowed, joined by +", ErrInvalid)
		}
		actions |= a
	}
	return text[:at], actions, nil
}

// String returns the rule in its shortest spelling, which ParseRule reads back.
func (r Rule) String() string {
	if r.bare || r.pattern.Project == "" {
		return r.pattern.String()
	}
	return r.pattern.String() + "@" + r.Actions().String()
}

// Actions returns the actions that the rule names or, if it names none, Read, Write, Delete and
// List. Only the rule of a [Decision] that denies returns all actions if it names none.
func (r Rule) Actions() Action { return Action(r.pattern.Actions) }

// asDeny returns the rule as a Deny rule: if it names no action, it forbids all.
func (r Rule) asDeny() Rule {
	if r.bare {
		r.pattern.Actions = pattern.Actions(allActions)
	}
	return r
}

// Service is a caller known to a policy.
type Service struct {
	Name string // [A-Za-z0-9][A-Za-z0-9_-]{0,63}
	// Tokens are its shared tokens, plain or "sha256:<hex>", at most 16. A service with neither
	// Tokens nor Certificates cannot log in: only [Vault.As] opens its sessions.
	Tokens []string
	// Certificates are identities in its client certificates, at most 16, such as
	// "uri:spiffe://example.org/newsbot", "dns:newsbot.internal" or "cn:newsbot". One of them is
	// enough to log in, as one of Tokens is.
	Certificates []string
	// CertificateAndToken requires one of each.
	CertificateAndToken bool
	Allow               []Rule // rules that grant access; none: no access
	Deny                []Rule // wins over Allow; a rule that names no action forbids all
}

// Policy decides who may do what. It denies everything that no rule allows. It is immutable, reads
// no clock, file or environment, and may be used by many goroutines.
type Policy struct {
	services   map[string]*grants
	names      []string          // of the services, sorted
	maxTokens  int               // of one service; every log-in compares as many
	identities map[string]string // the service of each identity in client certificates
}

const (
	maxTokens     = 16 // of one service
	maxIdentities = 16 // of one service
)

// NewPolicy returns a policy of services. [ParsePolicy] returns one from settings. The error is
// ErrInvalid and names everything that is wrong.
func NewPolicy(services ...Service) (*Policy, error) {
	p := &Policy{services: make(map[string]*grants), maxTokens: 1, identities: make(map[string]string)}
	folded := make(map[string]string)
	var wrong []error
	for n, s := range services {
		if err := ValidateService(s.Name); err != nil {
			wrong = append(wrong, fmt.Errorf("service %d: %w", n+1, err))
			continue
		}
		if twin, found := folded[strings.ToLower(s.Name)]; found {
			wrong = append(wrong, fmt.Errorf("%w service %s: it is named twice, or differs from %s only in case", ErrInvalid, s.Name, twin))
			continue
		}
		folded[strings.ToLower(s.Name)] = s.Name
		wrong = append(wrong, p.addIdentities(s)...)
		g, err := newGrants(s)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		p.services[s.Name] = g
		p.names = append(p.names, s.Name)
		p.maxTokens = max(p.maxTokens, len(g.tokens))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	slices.Sort(p.names)
	return p, nil
}

// ValidateService returns ErrInvalid if s is not a valid name of a service.
func ValidateService(s string) error {
	if s == "" || len(s) > 64 || s[0] == '_' || s[0] == '-' || !pattern.IsWord(s) {
		return fmt.Errorf("%w service: a name is [A-Za-z0-9][A-Za-z0-9_-]{0,63}", ErrInvalid)
	}
	return nil
}

// addIdentities adds the identities of a service to the policy.
func (p *Policy) addIdentities(s Service) []error {
	var wrong []error
	for n, text := range s.Certificates {
		err := credential.CheckIdentity(text)
		if owner, taken := p.identities[text]; err == nil && taken {
			err = fmt.Errorf("it belongs to %s already; it can identify one service only", owner)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s, certificate %d: %w", s.Name, n+1, invalid("certificate identity", err)))
			continue
		}
		p.identities[text] = s.Name
	}
	if len(s.Certificates) > maxIdentities {
		wrong = append(wrong, fmt.Errorf("%w service %s: more than %d certificates", ErrInvalid, s.Name, maxIdentities))
	}
	if s.CertificateAndToken && (len(s.Tokens) == 0 || len(s.Certificates) == 0) {
		wrong = append(wrong, fmt.Errorf("%w service %s: it needs both a token and a certificate, and has only one of them", ErrInvalid, s.Name))
	}
	return wrong
}

// Services returns the sorted names of the services.
func (p *Policy) Services() []string { return slices.Clone(p.names) }

// WeakTokens returns the services with a plain token of under 16 characters, or with a token that
// is an example in the documents. A server should refuse these on other networks than loopback.
func (p *Policy) WeakTokens() []string {
	return slices.DeleteFunc(p.Services(), func(name string) bool { return !p.services[name].weak })
}

// Allows reports whether service may do a, or all of a set, with addr. It is false for an unknown
// service and for a project whose name starts with ".".
func (p *Policy) Allows(service string, a Action, addr Address) bool {
	g := p.services[service]
	return g != nil && g.allows(a, addr)
}

// Decision is the answer of a policy and the reason for it.
type Decision struct {
	Allowed bool
	Rule    Rule   // the rule that decided; zero if no rule covers the address
	Reason  string // one line, such as "denied by DENY_x: billing/"
}

// Explain decides as [Policy.Allows] does, for a single action, and names the rule that decided.
func (p *Policy) Explain(service string, a Action, addr Address) Decision {
	g := p.services[service]
	if g == nil {
		return Decision{Reason: "the service is not in ALLOWED_SERVICES"}
	}
	if r, found := deciding(g.deny, a, addr); found {
		return Decision{Rule: r, Reason: fmt.Sprintf("denied by DENY_%s: %s", service, r)}
	}
	if !g.allows(a, addr) {
		return Decision{Reason: fmt.Sprintf("no rule of ALLOW_%s allows %s here", service, a)}
	}
	r, _ := deciding(g.allow, a, addr)
	return Decision{Allowed: true, Rule: r, Reason: fmt.Sprintf("allowed by ALLOW_%s: %s", service, r)}
}

// deciding returns the first rule that covers addr for all of a.
func deciding(rules []Rule, a Action, addr Address) (Rule, bool) {
	for _, r := range rules {
		if r.Actions()&a == a && r.pattern.Covers(addr.Project, addr.Path) {
			return r, true
		}
	}
	return Rule{}, false
}

// Who returns the sorted names of the services that may do a with addr.
func (p *Policy) Who(a Action, addr Address) []string {
	var who []string
	for _, name := range p.names {
		if p.Allows(name, a, addr) {
			who = append(who, name)
		}
	}
	return who
}
