package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

var actions = []string{"read", "write", "delete", "list", "destroy", "audit"}

func parseAction(text string) (myvault.Action, error) {
	action, err := myvault.ParseAction(text)
	if err != nil {
		return action, usagef("the action must be one of %s", strings.Join(actions, ", "))
	}
	return action, nil
}

func (a *app) whoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:               "who ACTION ADDRESS",
		Short:             "List the services that may do something",
		Long:              "Lists the services whose rules allow an action:\n" + strings.Join(actions, ", ") + ".",
		Example:           `  myvault who read newsbot/prod/db`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeAfter(actions),
	}
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		action, err := parseAction(args[0])
		if err != nil {
			return err
		}
		addr, err := parseAddress(args[1])
		if err != nil {
			return err
		}
		services, err := v.Who(ctx, action, addr)
		if err != nil {
			return err
		}
		t := a.table("SERVICE")
		for _, name := range services {
			if err := t.row(map[string]string{"service": name}, name); err != nil {
				return err
			}
		}
		return t.end()
	})
	return c
}

func (a *app) explainCommand() *cobra.Command {
	var of string
	c := &cobra.Command{
		Use:   "explain ACTION ADDRESS",
		Short: "Show the rule that allows or denies something",
		Example: `  myvault explain read newsbot/prod/db
  myvault explain write newsbot/prod/db --of newsbot`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeAfter(actions),
	}
	c.Flags().StringVar(&of, "of", "", "another `service` than your own")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		action, err := parseAction(args[0])
		if err != nil {
			return err
		}
		addr, err := parseAddress(args[1])
		if err != nil {
			return err
		}
		if of == "" {
			if of, err = v.Caller(ctx); err != nil {
				return err
			}
		}
		d, err := v.Explain(ctx, of, action, addr)
		if err != nil {
			return err
		}
		return a.print(decisionOf(d), "%s", d.Reason)
	})
	return c
}

// decision is the JSON of a decision of the policy.
type decision struct {
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
}

func decisionOf(d myvault.Decision) decision { return decision{d.Allowed, d.Rule.String(), d.Reason} }

// rights is the JSON of the rights of a session.
type rights struct {
	Service string     `json:"service"`
	Vault   string     `json:"vault"`
	Allow   []string   `json:"allow"`
	Deny    []string   `json:"deny"`
	Limits  [][]string `json:"limits,omitempty"`
}

func (a *app) whoamiCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "whoami",
		Short:   "Show your service and its rights",
		Example: `  myvault whoami`,
		Args:    cobra.NoArgs,
	}
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, _ []string) error {
		r, err := v.Rights(ctx)
		if err != nil {
			return err
		}
		service, err := v.Caller(ctx)
		if err != nil {
			return err
		}
		result := rights{Service: service, Vault: v.Where, Allow: ruleTexts(r.Allow), Deny: ruleTexts(r.Deny)}
		for _, limit := range r.Limits {
			result.Limits = append(result.Limits, ruleTexts(limit))
		}
		return a.print(result, "%s", describeRights(result))
	})
	return c
}

func ruleTexts(rules []myvault.Rule) []string {
	texts := []string{}
	for _, r := range rules {
		texts = append(texts, r.String())
	}
	return texts
}

func describeRights(r rights) string {
	text := r.Service + " at " + r.Vault
	if len(r.Limits) == 0 {
		text += "\nallow: " + strings.Join(r.Allow, ", ")
	}
	if len(r.Deny) > 0 {
		text += "\ndeny: " + strings.Join(r.Deny, ", ")
	}
	for _, limit := range r.Limits {
		text += "\nlimit: " + strings.Join(limit, ", ")
	}
	return text
}
