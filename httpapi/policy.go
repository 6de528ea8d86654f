package httpapi

import "github.com/myswiftagent/myvault"

func (c *call) testIdentity() (response, error) {
	return response{body: struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{"ok", "Authentication successful for service '" + c.session.Service() + "'"}}, nil
}

func (c *call) whoami() (response, error) {
	rights, err := c.session.Rights(c.ctx)
	var limits [][]string
	for _, limit := range rights.Limits {
		limits = append(limits, ruleTexts(limit))
	}
	return response{body: struct {
		Service  string     `json:"service"`
		Allow    []string   `json:"allow"`
		Deny     []string   `json:"deny"`
		Limits   [][]string `json:"limits,omitempty"`
		Store    string     `json:"store,omitempty"`
		VaultAPI bool       `json:"vault_api,omitzero"`
	}{c.session.Service(), ruleTexts(rights.Allow), ruleTexts(rights.Deny), limits, c.api.store, c.api.vaultAPI}}, err
}

func ruleTexts(rules []myvault.Rule) []string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.String()
	}
	return texts
}

// explain answers why a service, by default the caller, is allowed or denied an action.
func (c *call) explain() (response, error) {
	action, addr, err := c.question()
	if err != nil {
		return response{}, err
	}
	service := c.query.Get("service")
	if service == "" {
		service = c.session.Service()
	}
	d, err := c.session.Explain(c.ctx, service, action, addr)
	return response{body: struct {
		Allowed bool   `json:"allowed"`
		Rule    string `json:"rule"`
		Reason  string `json:"reason"`
	}{d.Allowed, d.Rule.String(), d.Reason}}, err
}

func (c *call) who() (response, error) {
	action, addr, err := c.question()
	if err != nil {
		return response{}, err
	}
	services, err := c.session.Who(c.ctx, action, addr)
	return response{body: struct {
		Services []string `json:"services"`
	}{services}}, err
}

// question returns the query parameters of a question about the policy.
func (c *call) question() (myvault.Action, myvault.Address, error) {
	addr := myvault.Address{Project: c.query.Get("project"), Path: c.query.Get("path")}
	name := c.query.Get("action")
	if name == "" || addr.Project == "" || addr.Path == "" {
		return 0, addr, badRequest("missing query parameter: action, project and path are required")
	}
	action, err := myvault.ParseAction(name)
	return action, addr, err
}
