package operate

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/server"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
)

const doctorHelp = `Checks this machine, the settings and the files of the vault: the .env and its
mode, the key, the store, the policy, the certificate, the disk, the server and
your token. It changes nothing. The exit code is 1 if something is wrong.`

func (p *Program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "doctor",
		Short:       "Find out what is wrong with this machine, its files and settings",
		Long:        doctorHelp,
		Example:     `  myvault doctor`,
		Args:        cobra.NoArgs,
		Annotations: Fields(check{}),
		RunE:        func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context()) },
	}
}

// check is the result of one check.
type check struct {
	Check  string `json:"check" help:"one object for each: settings, policy, store, certificate, disk, server or identity"`
	Status string `json:"status" help:"ok, problem or skipped"`
	Detail string `json:"detail" help:"what was found, in words"`
}

func (c check) String() string {
	return fmt.Sprintf("%-8s %-12s %s\n", c.Status, c.Check, strings.ReplaceAll(c.Detail, "\n", "; "))
}

func (p *Program) doctor(ctx context.Context) error {
	problems := 0
	for _, c := range p.checks(ctx) {
		if c.Status == "problem" {
			problems++
		}
		if err := p.print(c); err != nil {
			return err
		}
	}
	if problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	return nil
}

func (p *Program) checks(ctx context.Context) (all []check) {
	add := func(name, detail string, err error) {
		status := "ok"
		switch {
		case errors.Is(err, errSkipped):
			status = "skipped"
		case err != nil:
			status, detail = "problem", err.Error()
		}
		all = append(all, check{name, status, detail})
	}
	path, settings, err := setup.LocalSettings(os.Environ())
	if err == nil && path == "" {
		add("settings", "no .env here or in the data directory", errSkipped)
	} else {
		add("settings", path, err)
	}
	if err == nil && settings["ALLOWED_SERVICES"] != "" {
		detail, err := checkPolicy(settings)
		add("policy", detail, err)
		detail, err = checkStore(ctx, settings)
		add("store", detail, err)
		detail, err = checkCertificate(settings["MYVAULT_TLS_CERT"])
		add("certificate", detail, err)
		detail, err = checkDisk(cmp.Or(settings["MYVAULT_DATA"], "data"))
		add("disk", detail, err)
	}
	detail, err := p.checkServer(ctx)
	add("server", detail, err)
	detail, err = p.checkIdentity(ctx)
	add("identity", detail, err)
	return all
}

// errSkipped is returned by a check that does not apply.
var errSkipped = errors.New("skipped")

func checkPolicy(settings map[string]string) (string, error) {
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		return "", err
	}
	report := server.LintPolicy(policy, settings)
	if n := report.Failures() + len(report.WeakTokens); n > 0 {
		return "", fmt.Errorf("%d findings: run myvault lint", n)
	}
	return fmt.Sprintf("%d services", report.Services), nil
}

func checkStore(ctx context.Context, settings map[string]string) (string, error) {
	s, err := setup.Parse[stores.Settings](settings)
	if err != nil {
		return "", err
	}
	if err := s.Check(ctx); err != nil {
		return "", err
	}
	if s.Provider == "memory" {
		return "in the memory of the server", errSkipped
	}
	provider, err := s.Open(ctx, false)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no store in %s: start the server in its directory, or run myvault init", s.Data)
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(provider.Ping(ctx), provider.Close()); err != nil {
		return "", err
	}
	if s.Provider == "hashivault" {
		return "HashiCorp Vault answers", nil
	}
	path, err := filepath.Abs(s.Data)
	return path + " opens with the key", err
}

// expiryNotice is how long before its end a certificate is a problem.
const expiryNotice = 14 * 24 * time.Hour

func checkCertificate(path string) (string, error) {
	if path == "" {
		return "no HTTPS", errSkipped
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", errors.New("MYVAULT_TLS_CERT has no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", errors.New("MYVAULT_TLS_CERT has no valid certificate")
	}
	end := certificate.NotAfter.Format(time.DateOnly)
	if time.Until(certificate.NotAfter) < expiryNotice {
		return "", fmt.Errorf("it ends on %s: replace the file; the server reads it again", end)
	}
	return "valid until " + end, nil
}

func (p *Program) checkServer(ctx context.Context) (string, error) {
	if p.Settings.IsLocal() {
		return "not used with --local", errSkipped
	}
	return p.askHealth(ctx)
}

func (p *Program) checkIdentity(ctx context.Context) (detail string, err error) {
	v, err := connect.Open(ctx, *p.Settings)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	rights, err := v.Rights(ctx)
	if err != nil {
		return "", err
	}
	service, err := v.Caller(ctx)
	return fmt.Sprintf("%s, with %d rules", service, len(rights.Allow)+len(rights.Limits)), err
}
