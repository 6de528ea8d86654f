package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/tokens"
)

// token is the JSON of a capability token.
type token struct {
	ID          string   `json:"id"`
	Service     string   `json:"service"`
	IssuedAt    string   `json:"issued_at"`
	ExpiresAt   string   `json:"expires_at"`
	Rules       []string `json:"rules"`
	Certificate string   `json:"certificate_sha256,omitempty"`
	Bearer      string   `json:"token,omitempty"`
}

func tokenOf(t tokens.Token) token {
	return token{
		ID: t.ID, Service: t.Service, IssuedAt: rfc3339.Format(t.IssuedAt), ExpiresAt: rfc3339.Format(t.ExpiresAt),
		Rules: ruleTexts(t.Rules), Certificate: t.Certificate, Bearer: t.Bearer.Reveal(),
	}
}

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Mint, list and revoke capability tokens",
		Long: `Mints, lists and revokes capability tokens: bearer tokens with a part of your
rights, for a limited time.`,
		Example: `  myvault token mint newsbot/prod/@read --for 15m > token
  MYVAULT_TOKEN_FILE=token myvault get newsbot/prod/db
  myvault token list
  myvault token revoke local.3.1`,
	}
	c.AddCommand(a.tokenMint(), a.tokenList(), a.tokenRevoke())
	return c
}

func (a *app) tokenMint() *cobra.Command {
	var lifetime string
	c := &cobra.Command{
		Use:   "mint RULE...",
		Short: "Mint a capability token and print it",
		Long: `Mints a token that grants what its rules and your own rights allow, and prints
it. It cannot be printed again.`,
		Example: `  myvault token mint newsbot/prod/@read --for 15m > token`,
		Args:    cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&lifetime, "for", "1h", "its `lifetime`, at most 30d")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		grant, err := parseGrant(args, lifetime)
		if err != nil {
			return err
		}
		return a.withWritable(func(ctx context.Context, v *connect.Vault, _ []string) error {
			minted, err := v.Tokens.Mint(ctx, grant)
			if err != nil {
				return err
			}
			return a.print(tokenOf(minted), "%s", minted.Bearer.Reveal())
		})(cmd, args)
	}
	return c
}

func parseGrant(rules []string, lifetime string) (g tokens.Grant, err error) {
	if g.Lifetime, err = parseDuration(lifetime); err != nil || g.Lifetime < time.Second {
		return g, usagef("--for: want a duration such as 15m or 7d")
	}
	for _, text := range rules {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return g, usageError{err}
		}
		g.Rules = append(g.Rules, rule)
	}
	return g, nil
}

func (a *app) tokenList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the live tokens of your service", Args: cobra.NoArgs, Example: `  myvault token list`}
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, _ []string) error {
		t := a.table("ID", "ISSUED", "EXPIRES", "RULES")
		for minted, err := range v.Tokens.List(ctx) {
			if err != nil {
				return err
			}
			if err := t.row(tokenOf(minted), minted.ID, shortTime(minted.IssuedAt), shortTime(minted.ExpiresAt), strings.Join(ruleTexts(minted.Rules), ",")); err != nil {
				return err
			}
		}
		return t.end()
	})
	return c
}

func (a *app) tokenRevoke() *cobra.Command {
	c := &cobra.Command{
		Use:     "revoke ID",
		Short:   "Revoke a token and all tokens narrowed from it",
		Example: `  myvault token revoke local.3.1`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		if err := v.Tokens.Revoke(ctx, args[0]); err != nil {
			return err
		}
		return a.print(map[string]string{"id": args[0], "change": "revoke"}, "%s is revoked", args[0])
	})
	return c
}
