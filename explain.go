package myvault

import "fmt"

// Decision tells why the policy allows or denies.
type Decision struct {
	Allowed bool
	Rule    Rule   // the deciding rule; zero where none speaks of the address
	Reason  string // one line for people, such as "denied by DENY_x: billing/"
}

// Explain decides as [Policy.Allows] does, for one action, and names the deciding rule.
func (p *Policy) Explain(service string, a Action, addr Address) Decision {
	g := p.services[service]
	if g == nil {
		return Decision{Reason: "the service is not in ALLOWED_SERVICES"}
	}
	if r, found := deciding(g.deny, a, addr); found {
		return Decision{Rule: r, Reason: fmt.Sprintf("denied by DENY_%s: %s", service, r)}
	}
	if !g.allows(a, addr) {
		return Decision{Reason: fmt.Sprintf("no rule of ALLOW_%s gives %s here", service, a)}
	}
	r, _ := deciding(g.allow, a, addr)
	return Decision{Allowed: true, Rule: r, Reason: fmt.Sprintf("allowed by ALLOW_%s: %s", service, r)}
}

// deciding gives the first rule that has all of a and covers addr.
func deciding(rules []Rule, a Action, addr Address) (Rule, bool) {
	for _, r := range rules {
		if r.actions&a == a && r.covers(addr) {
			return r, true
		}
	}
	return Rule{}, false
}

// Who gives the services that may do a to addr, sorted.
func (p *Policy) Who(a Action, addr Address) []string {
	var who []string
	for _, name := range p.names {
		if p.Allows(name, a, addr) {
			who = append(who, name)
		}
	}
	return who
}

// Rights are the rules that a service has, or the limits of a session that was narrowed.
type Rights struct {
	Allow []Rule
	Deny  []Rule
	// Limits are of a narrowed session alone, which is told neither Allow nor Deny: it may do what its
	// service may and a rule of each of these lists covers.
	Limits [][]Rule
}

// Rights gives the rules of service; both lists are empty for an unknown one.
func (p *Policy) Rights(service string) Rights {
	g := p.services[service]
	if g == nil {
		return Rights{}
	}
	return Rights{Allow: append([]Rule(nil), g.allow...), Deny: append([]Rule(nil), g.denyGiven...)}
}
