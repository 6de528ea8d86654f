package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
)

// LintReport is the result of Lint.
type LintReport struct {
	Services   int           `json:"services" help:"services of the policy"`
	Rules      int           `json:"rules" help:"its rules"`
	Findings   []LintFinding `json:"findings" help:"rules without effect, or with an effect that is probably not intended"`
	WeakTokens []string      `json:"weak_tokens" help:"services whose token can be guessed"`
}

// LintFinding is something about a rule that is probably wrong.
type LintFinding struct {
	Setting string `json:"setting" help:"such as ALLOW_newsbot"`
	Rule    string `json:"rule" help:"the rule; empty if it is about the whole setting"`
	Reason  string `json:"reason" help:"what is wrong with it"`
	Note    bool   `json:"note" help:"true: worth knowing, and no failure"`
	text    string
}

// Failures returns the number of findings that are not notes.
func (r *LintReport) Failures() (n int) {
	for _, f := range r.Findings {
		if !f.Note {
			n++
		}
	}
	return n
}

// String returns a line for each finding and weak token, and one with the counts if there is no
// failure.
func (r *LintReport) String() string {
	var text strings.Builder
	for _, f := range r.Findings {
		if f.Note {
			text.WriteString("note: ")
		}
		fmt.Fprintln(&text, f.text)
	}
	for _, name := range r.WeakTokens {
		fmt.Fprintf(&text, "TOKEN_%s: a token has fewer than 16 characters or is a published example; it can be guessed and is rejected beyond loopback\n", name)
	}
	if r.Failures() == 0 {
		fmt.Fprintf(&text, "ok: %d services, %d rules\n", r.Services, r.Rules)
	}
	return text.String()
}

// LintPolicy reports rules without effect and weak tokens. The settings are those of the policy.
func LintPolicy(policy *myvault.Policy, settings map[string]string) *LintReport {
	services := policy.Services()
	r := &LintReport{Services: len(services), Findings: []LintFinding{}, WeakTokens: append([]string{}, policy.WeakTokens()...)}
	for _, f := range policy.Lint() {
		r.Findings = append(r.Findings, LintFinding{f.Setting, f.Rule.String(), f.Reason, f.Note, f.String()})
	}
	for _, name := range services {
		r.Rules += count(settings["ALLOW_"+name]) + count(settings["DENY_"+name])
	}
	return r
}

// Lint checks the settings like a start of the server, and reports rules without effect. It creates
// no files. The report is nil if the settings are wrong.
func Lint(ctx context.Context) (*LintReport, error) {
	process := env.ToMap(os.Environ())
	path := setup.LocateEnv(process)
	if path == "" && process["ALLOWED_SERVICES"] == "" {
		return nil, errors.New("no .env in this directory or in MYVAULT_DATA; set MYVAULT_ENV to it")
	}
	l, err := source{path, process}.load()
	if err != nil {
		return nil, err
	}
	if _, err := l.check(ctx, false); err != nil {
		return nil, err
	}
	report := LintPolicy(l.policy, l.all)
	if n := report.Failures(); n > 0 {
		return report, fmt.Errorf("%d findings: rules without effect, or with an effect that is probably not intended", n)
	}
	return report, nil
}

// count returns the number of items in a comma-separated list.
func count(list string) int {
	if list == "" {
		return 0
	}
	return strings.Count(list, ",") + 1
}
