package client

import (
	"context"
	"net/url"

	"github.com/myswiftagent/myvault"
)

// Identity is what the server knows of the caller.
type Identity struct {
	Service string
	Rights  myvault.Rights
	Store   string // the provider, such as "sqlite"; "": the server does not report it
}

// Whoami returns the identity of the caller.
func (c *Client) Whoami(ctx context.Context) (Identity, error) {
	identity, err := c.whoami(ctx)
	return identity, fail("whoami", myvault.Address{}, err)
}

// Rights returns the rules of the caller, as [myvault.Session.Rights] does.
func (c *Client) Rights(ctx context.Context) (myvault.Rights, error) {
	identity, err := c.whoami(ctx)
	return identity.Rights, fail("rights", myvault.Address{}, err)
}

func (c *Client) whoami(ctx context.Context) (Identity, error) {
	var found struct {
		Service string     `json:"service"`
		Allow   []string   `json:"allow"`
		Deny    []string   `json:"deny"`
		Limits  [][]string `json:"limits"`
		Store   string     `json:"store"`
	}
	if _, err := c.do(ctx, read("/api/whoami", nil), &found); err != nil {
		return Identity{}, err
	}
	identity := Identity{Service: found.Service, Store: found.Store}
	var err error
	if identity.Rights.Allow, err = rules(found.Allow); err != nil {
		return Identity{}, err
	}
	if identity.Rights.Deny, err = rules(found.Deny); err != nil {
		return Identity{}, err
	}
	for _, texts := range found.Limits {
		limit, err := rules(texts)
		if err != nil {
			return Identity{}, err
		}
		identity.Rights.Limits = append(identity.Rights.Limits, limit)
	}
	return identity, nil
}

// rules parses the rules of an answer.
func rules(texts []string) ([]myvault.Rule, error) {
	var all []myvault.Rule
	for _, text := range texts {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return nil, errMalformed
		}
		all = append(all, rule)
	}
	return all, nil
}

// Explain returns whether service, or the caller if it is "", may do the action with addr, and why,
// as [myvault.Session.Explain] does.
func (c *Client) Explain(ctx context.Context, service string, a myvault.Action, addr myvault.Address) (myvault.Decision, error) {
	query, err := question(a, addr)
	if err != nil {
		return myvault.Decision{}, fail("explain", myvault.Address{}, err)
	}
	set(query, "service", service)
	var found struct {
		Allowed bool   `json:"allowed"`
		Rule    string `json:"rule"`
		Reason  string `json:"reason"`
	}
	if _, err := c.do(ctx, read("/api/policy/explain", query), &found); err != nil {
		return myvault.Decision{}, fail("explain", addr, err)
	}
	d := myvault.Decision{Allowed: found.Allowed, Reason: found.Reason}
	if found.Rule != "" {
		if d.Rule, err = myvault.ParseRule(found.Rule); err != nil {
			return myvault.Decision{}, fail("explain", addr, errMalformed)
		}
	}
	return d, nil
}

// Who returns the sorted names of the services that may do the action with addr, as
// [myvault.Session.Who] does.
func (c *Client) Who(ctx context.Context, a myvault.Action, addr myvault.Address) ([]string, error) {
	query, err := question(a, addr)
	if err != nil {
		return nil, fail("who", myvault.Address{}, err)
	}
	var found struct {
		Services []string `json:"services"`
	}
	_, err = c.do(ctx, read("/api/policy/who", query), &found)
	return found.Services, fail("who", addr, err)
}

// question returns the query of a question about the policy.
func question(a myvault.Action, addr myvault.Address) (url.Values, error) {
	if _, err := myvault.ParseAction(a.String()); err != nil {
		return nil, err
	}
	if err := addr.Validate(); err != nil {
		return nil, err
	}
	return url.Values{"action": {a.String()}, "project": {addr.Project}, "path": {addr.Path}}, nil
}
