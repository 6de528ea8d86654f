package myvault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Service is one caller that a policy knows.
type Service struct {
	Name string // [A-Za-z0-9][A-Za-z0-9_-]{0,63}
	// Tokens are its shared tokens, plain or "sha256:<hex>"; several during a change-over.
	// Neither these nor Certificates: only the embedding program can be this service, through Vault.As.
	Tokens []string
	// Certificates are identities of its client certificates: "uri:spiffe://example.org/newsbot",
	// "dns:newsbot.internal" or "cn:newsbot". One of them suffices, as one of Tokens does.
	Certificates []string
	// CertificateAndToken says that neither suffices alone.
	CertificateAndToken bool
	Allow               []Rule // what it may do; nothing by default
	Deny                []Rule // wins over Allow; a rule that names no action forbids all
}

// Policy says who may do what. It is immutable and pure: it reads no clock, file or
// environment, and may be asked by many goroutines. Default is deny.
type Policy struct {
	services   map[string]*grants
	names      []string          // sorted
	rounds     int               // the most tokens that a service has, for equal work at log-in
	identities map[string]string // of client certificates, and whose they are
}

// grants are the rights of one service.
type grants struct {
	allow, deny           []Rule
	denyGiven             []Rule // deny before forDeny
	allowIndex, denyIndex *matcher
	tokens                []digest
	weak                  bool
	both                  bool // a token and a certificate are needed
}

// NewPolicy makes a policy from Go values, for programs without a .env; [ParsePolicy]
// makes one from settings. Everything that is wrong is reported at once, as ErrInvalid.
func NewPolicy(services ...Service) (*Policy, error) {
	p := &Policy{services: make(map[string]*grants), rounds: 1, identities: make(map[string]string)}
	folded := make(map[string]string)
	var wrong []error
	for n, s := range services {
		if err := ValidateService(s.Name); err != nil {
			wrong = append(wrong, fmt.Errorf("service %d: %w", n+1, err))
			continue
		}
		if twin, taken := folded[strings.ToLower(s.Name)]; taken {
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
		p.rounds = max(p.rounds, len(g.tokens))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	slices.Sort(p.names)
	return p, nil
}

func newGrants(s Service) (*grants, error) {
	var wrong []error
	g := &grants{allow: slices.Clone(s.Allow), deny: slices.Clone(s.Deny), denyGiven: slices.Clone(s.Deny), both: s.CertificateAndToken}
	for _, r := range slices.Concat(s.Allow, s.Deny) {
		if r.project == "" {
			wrong = append(wrong, fmt.Errorf("%w service %s: a zero Rule; make rules with ParseRule", ErrInvalid, s.Name))
		}
	}
	if len(s.Tokens) > maxTokens {
		wrong = append(wrong, fmt.Errorf("%w service %s: more than %d tokens", ErrInvalid, s.Name, maxTokens))
	}
	for n, text := range s.Tokens {
		d, weak, err := parseToken(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s, token %d: %w", s.Name, n+1, err))
		}
		g.tokens = append(g.tokens, d)
		g.weak = g.weak || weak
	}
	for n := range g.deny {
		g.deny[n] = g.deny[n].forDeny()
	}
	g.allowIndex, g.denyIndex = newMatcher(g.allow), newMatcher(g.deny)
	return g, errors.Join(wrong...)
}

// Services gives the names of the services, sorted.
func (p *Policy) Services() []string { return slices.Clone(p.names) }

// WeakTokens returns the services that have a plain token under 16 characters, or one that is an
// example in the documents. A server warns of them on loopback and refuses them beyond it.
func (p *Policy) WeakTokens() []string {
	return slices.DeleteFunc(p.Services(), func(name string) bool { return !p.services[name].weak })
}

// Allows reports whether service may do a, or all of a set, to addr. An unknown service
// may nothing, and nobody may touch a project whose name starts with ".".
func (p *Policy) Allows(service string, a Action, addr Address) bool {
	g := p.services[service]
	return g != nil && g.allows(a, addr)
}

// allows needs an allowing rule for each action of the set, and no denying one.
func (g *grants) allows(set Action, addr Address) bool {
	if set == 0 || set&^allActions != 0 || reservedProject(addr.Project) {
		return false
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		one := rest & -rest
		if !g.allowIndex.covers(one, addr) || g.denyIndex.covers(one, addr) {
			return false
		}
	}
	return true
}

// below reports whether service may do a to everything that prefix selects. It errs
// on the side of no: a deny rule anywhere near it decides.
func (g *grants) below(a Action, prefix Prefix) bool {
	for _, r := range g.deny {
		if r.actions&a != 0 && (prefix.Project == "" || matchSegment(r.project, prefix.Project)) {
			return false
		}
	}
	return slices.ContainsFunc(g.allow, func(r Rule) bool { return r.actions&a == a && r.coversBelow(prefix) })
}

// reaches gives the actions that the service has somewhere in project.
func (g *grants) reaches(project string) Action {
	var reach Action
	for _, r := range g.allow {
		if matchSegment(r.project, project) {
			reach |= r.actions
		}
	}
	for _, r := range g.deny {
		if len(r.path) == 0 && matchSegment(r.project, project) {
			reach &^= r.actions
		}
	}
	return reach
}

// mayDefault reports whether the service may make project the default one: that
// concerns all projects, so it needs write by a rule for all of them.
func (g *grants) mayDefault(project string) bool {
	if slices.ContainsFunc(g.deny, func(r Rule) bool { return matchSegment(r.project, project) }) {
		return false
	}
	return slices.ContainsFunc(g.allow, func(r Rule) bool { return r.project == "*" && r.actions&Write != 0 })
}

// mayDeleteProject reports whether the service may delete project as a whole.
func (g *grants) mayDeleteProject(project string) bool {
	if slices.ContainsFunc(g.deny, func(r Rule) bool { return matchSegment(r.project, project) }) {
		return false
	}
	return g.below(Delete, Prefix{Project: project})
}

// authenticate finds which token of the service was presented, in the same work for
// unknown services and wrong tokens.
func (p *Policy) authenticate(service, token string) (digest, bool) {
	var tokens []digest
	if g := p.services[service]; g != nil {
		tokens = g.tokens
	}
	return matchToken(tokens, token, p.rounds)
}

// holds reports whether the service still has the token.
func (p *Policy) holds(service string, token digest) bool {
	g := p.services[service]
	return g != nil && slices.Contains(g.tokens, token)
}
