package myvault

import (
	"context"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// rights is what a session may do: the grants of its service, nil for an unknown service, within
// the limits of its restrictions. A call loads its rights once, so all its decisions are by one
// policy.
type rights struct {
	policy  *Policy
	granted *grants
	limits  []*grants
}

func (r rights) allows(a Action, addr Address) bool {
	if len(r.limits) == 0 {
		return r.granted != nil && r.granted.allows(a, addr)
	}
	return r.all(func(g *grants) bool { return g.allows(a, addr) })
}

// allowsAll reports whether a is allowed on everything that prefix selects.
func (r rights) allowsAll(a Action, prefix Prefix) bool {
	return r.all(func(g *grants) bool { return g.allowsAll(a, prefix) })
}

func (r rights) all(ok func(*grants) bool) bool {
	return r.granted != nil && ok(r.granted) && r.limitsAllow(ok)
}

func (r rights) limitsAllow(ok func(*grants) bool) bool {
	return !slices.ContainsFunc(r.limits, func(g *grants) bool { return !ok(g) })
}

// allowsChange reports whether the change is allowed.
func (r rights) allowsChange(c Change) bool {
	project := c.Project.Name
	switch c.Op {
	case OpPut, OpUndelete:
		return r.allows(Write, c.Address)
	case OpDelete:
		return r.allows(Delete, c.Address)
	case OpDestroy:
		return r.allows(Destroy, c.Address)
	case OpPutProject:
		return r.granted != nil && r.granted.actionsIn(project)&Write != 0 && r.limitsAllowAll(Write, Prefix{Project: project})
	case OpDefaultProject:
		return r.granted != nil && r.granted.allowsDefault(project) && r.limitsAllowAll(Write, Prefix{})
	case OpDeleteProject:
		return r.granted != nil && r.granted.allowsDeleteProject(project) && r.limitsAllowAll(Delete, Prefix{Project: project})
	}
	return false
}

// limitsAllowAll reports whether each restriction allows a on everything that prefix selects. If
// each allowed only a part, the parts might have nothing in common.
func (r rights) limitsAllowAll(a Action, prefix Prefix) bool {
	return r.limitsAllow(func(g *grants) bool { return g.allowsAll(a, prefix) })
}

// intersection returns what the service and all limits allow in common. The rights are those of a
// known service.
func (r rights) intersection() *pattern.Intersection {
	allow := [][]pattern.Rule{r.granted.allowTree.Rules}
	for _, limit := range r.limits {
		allow = append(allow, limit.allowTree.Rules)
	}
	return pattern.NewIntersection(r.granted.denyTree.Rules, allow...)
}

// visibility decides which projects a session sees: those in which it may do something. One call
// uses one visibility, which bounds its work.
type visibility struct {
	rights
	common *pattern.Intersection
}

func (r rights) visibility() visibility {
	v := visibility{rights: r}
	if r.granted != nil {
		v.common = r.intersection()
	}
	return v
}

func (v visibility) sees(project string) bool {
	if v.granted == nil || len(v.limits) == 0 {
		return v.granted != nil && v.granted.actionsIn(project) != 0
	}
	return v.common.AllowsIn(project)
}

// none reports whether no project is visible. It may miss that.
func (v visibility) none() bool { return v.granted == nil || v.common.AllowsNothing() }

// scope is the part of a prefix in which a call can find anything that its session may see.
type scope struct {
	rights
	prefix Prefix
	single bool // only the secret that prefix names, nothing below it
}

// scope returns the part of p in which the session may do all of the actions, or false if there
// is none. It depends on the rules only, so an answer without the store reveals nothing about it.
func (r rights) scope(actions Action, p Prefix) (scope, bool) {
	if r.granted == nil {
		return scope{rights: r, prefix: p}, false
	}
	return r.scopeOf(actions, p, r.intersection())
}

// scopeOf is scope for a known service, with the work bounded by common.
func (r rights) scopeOf(actions Action, p Prefix, common *pattern.Intersection) (scope, bool) {
	s := scope{rights: r, prefix: p}
	region := pattern.Rule{Project: p.Project, Below: true}
	switch {
	case p.Project == "":
		region.Project = "*"
	case p.Path != "":
		region.Path = strings.Split(strings.TrimSuffix(p.Path, "/"), "/")
	}
	below := common.AllowsWithin(pattern.Actions(actions), region)
	if p.Path == "" || strings.HasSuffix(p.Path, "/") {
		return s, below
	}
	region.Below = false
	itself := common.AllowsWithin(pattern.Actions(actions), region)
	if !itself {
		s.prefix.Path += "/"
	}
	s.single = !below
	return s, itself || below
}

// Explain returns whether service may do the action with addr, and why. For another service it
// needs the right to audit addr. A restricted session sees no rule of its service.
func (s *Session) Explain(ctx context.Context, service string, a Action, addr Address) (Decision, error) {
	if err := validateQuestion(a, addr); err != nil {
		return Decision{}, fail("explain", Address{}, err)
	}
	own := service == s.service
	r, err := s.authorizeRead(ctx, s.entry("explain", addr, 0), func(r rights) bool {
		return r.granted != nil && own || r.allows(Audit, addr)
	})
	if err != nil {
		return Decision{}, fail("explain", addr, err)
	}
	if own && len(r.limits) > 0 {
		return r.explainRestricted(a, addr), nil
	}
	return r.policy.Explain(service, a, addr), nil
}

// explainRestricted names no rule: the holder of a restricted session was granted a part of the
// rights and no view of the policy.
func (r rights) explainRestricted(a Action, addr Address) Decision {
	if r.allows(a, addr) {
		return Decision{Allowed: true, Reason: "this session may"}
	}
	return Decision{Reason: "this session may not: it is restricted, or the policy does not allow it"}
}

// Who returns the sorted names of the services that may do the action with addr. It needs the
// right to audit addr.
func (s *Session) Who(ctx context.Context, a Action, addr Address) ([]string, error) {
	if err := validateQuestion(a, addr); err != nil {
		return nil, fail("who", Address{}, err)
	}
	r, err := s.authorizeRead(ctx, s.entry("explain", addr, 0), func(r rights) bool { return r.allows(Audit, addr) })
	if err != nil {
		return nil, fail("who", addr, err)
	}
	return r.policy.Who(a, addr), nil
}

// validateQuestion checks that there is a single action and a valid address.
func validateQuestion(a Action, addr Address) error {
	if _, err := ParseAction(a.String()); err != nil {
		return err
	}
	return addr.Validate()
}

// Rights are the rules of a session's service, or the limits of a restricted session.
type Rights struct {
	Allow []Rule
	Deny  []Rule
	// Limits has the rules of each restriction. A restricted session may do what its service may
	// and a rule of each list covers. It does not see Allow and Deny.
	Limits [][]Rule
}

// Rights returns the rules of the session's service or, if the session is restricted, its limits.
func (s *Session) Rights(ctx context.Context) (Rights, error) {
	r, err := s.authorizeRead(ctx, s.entry("explain", Address{}, 0), anyService)
	if err != nil {
		return Rights{}, fail("rights", Address{}, err)
	}
	if len(r.limits) == 0 {
		return Rights{Allow: slices.Clone(r.granted.allow), Deny: slices.Clone(r.granted.givenDeny)}, nil
	}
	var limits [][]Rule
	for _, limit := range r.limits {
		limits = append(limits, slices.Clone(limit.allow))
	}
	return Rights{Limits: limits}, nil
}
