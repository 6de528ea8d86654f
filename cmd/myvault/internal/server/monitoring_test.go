package server_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matryer/is"
	"go.yaml.in/yaml/v3"
)

// deployed reads a file of deploy.
func deployed(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// expressions returns the PromQL of the alerts and of the dashboard.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	is := is.New(t)
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	is.NoErr(yaml.Unmarshal(deployed(t, "alerts.yml"), &rules))
	for _, rule := range rules.Groups[0].Rules {
		all = append(all, rule.Expr)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Type, Query string }
		}
	}
	is.NoErr(json.Unmarshal(deployed(t, "grafana.json"), &dashboard))
	for _, panel := range dashboard.Panels {
		is.True(len(panel.Targets) > 0)
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, variable := range dashboard.Templating.List {
		if variable.Type == "query" {
			all = append(all, variable.Query)
		}
	}
	return all
}

// TestMonitoredMetricsExist checks that a server exposes every metric, with every label, of the
// alerts and the dashboard. The metrics of HashiCorp Vault are in the documents, which another test
// compares with its provider.
func TestMonitoredMetricsExist(t *testing.T) {
	is := is.New(t)
	m := startMonitored(t, t.TempDir())
	is.Equal(m.must(t, m.headers(t), "GET", "/health", "").status, 200)
	text := m.metrics(t)
	operate, _ := page(t, "docs/operate.md")
	found := 0
	for _, expr := range expressions(t) {
		for _, name := range regexp.MustCompile(`myvault_\w+`).FindAllString(expr, -1) {
			found++
			series := regexp.MustCompile(`(?m)^` + name + `[{ ]`)
			documented := name == "myvault_vault_login_failing" && strings.Contains(operate, "`"+name+"`")
			if !series.MatchString(text) && !documented {
				t.Errorf("%s is not a metric: %s", name, expr)
			}
		}
		for _, labels := range regexp.MustCompile(`by \((\w+)\)`).FindAllStringSubmatch(expr, -1) {
			is.True(labels[1] == "instance" || strings.Contains(text, labels[1]+`="`)) // Prometheus adds the instance
		}
	}
	is.True(found > 30)
}

// alertTests are tests of promtool: the series raise these alerts and no others.
const alertTests = `rule_files: [alerts.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="myvault", instance="a"}', values: '1x60'}
      - {series: 'myvault_trail_failures_total{instance="a"}', values: '0x20 1x40'}
      - {series: 'myvault_secrets_expired{instance="a"}', values: '0x30 2x30'}
      - {series: 'myvault_tls_certificate_expiry_timestamp_seconds{instance="a"}', values: '1209900x60'}
      - {series: 'myvault_vault_login_failing{instance="b"}', values: '0x60'}
      - {series: 'myvault_http_requests_total{instance="a", status="5xx", route="/x"}', values: '0+3x60'}
    promql_expr_test:
      - {expr: 'count(ALERTS{alertstate="firing"}) or vector(0)', eval_time: 4m, exp_samples: [{value: 0}]}
      - expr: 'ALERTS{alertname!="MyVaultCertificateExpires", alertstate="firing"}'
        eval_time: 21m
        exp_samples: [{labels: 'ALERTS{alertname="MyVaultTrailFails", alertstate="firing", instance="a", severity="critical"}', value: 1}]
      - expr: 'sum by (alertname) (ALERTS{alertstate="firing"})'
        eval_time: 50m
        exp_samples:
          - {labels: '{alertname="MyVaultCertificateExpires"}', value: 1}
          - {labels: '{alertname="MyVaultSecretsExpired"}', value: 1}
`

// TestAlertsFire checks the rules with promtool.
func TestAlertsFire(t *testing.T) {
	is := is.New(t)
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is missing; it is in Debian's package prometheus")
		}
		t.Skip("needs promtool")
	}
	dir := t.TempDir()
	is.NoErr(os.WriteFile(filepath.Join(dir, "alerts.yml"), deployed(t, "alerts.yml"), 0o600))
	is.NoErr(os.WriteFile(filepath.Join(dir, "tests.yml"), []byte(alertTests), 0o600))
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "tests.yml"}} {
		check := exec.Command(promtool, args...)
		check.Dir = dir
		out, err := check.CombinedOutput()
		t.Logf("%s", out)
		is.NoErr(err)
	}
}

// TestComposeFile checks that the file has the settings of the container in docs/deploy.md.
func TestComposeFile(t *testing.T) {
	is := is.New(t)
	var file struct {
		Services map[string]struct {
			Image       string
			Build       struct{ Context, Dockerfile string }
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			SecurityOpt []string `yaml:"security_opt"`
			Restart     string
			Grace       string `yaml:"stop_grace_period"`
			Ports       []string
			Volumes     []string
		}
		Volumes map[string]any
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(deployed(t, "compose.yaml"))))
	decoder.KnownFields(true) // nothing else is set
	is.NoErr(decoder.Decode(&file))
	s := file.Services["myvault"]
	is.Equal(len(file.Services), 1)
	run := "docker run --cap-drop " + s.CapDrop[0] + " -p " + s.Ports[0] + " -v " + strings.Join(s.Volumes, " -v ") + " " + s.Image
	text, _ := page(t, "docs/deploy.md")
	for _, part := range regexp.MustCompile(` -+[a-z-]+ \S+`).FindAllString(run, -1) {
		is.True(strings.Contains(text, part)) // the same as with docker run
	}
	is.True(s.ReadOnly && s.SecurityOpt[0] == "no-new-privileges:true")
	_, err := os.Stat(filepath.Join(root, "deploy", s.Build.Context, s.Build.Dockerfile))
	is.NoErr(err)
	_, named := file.Volumes["myvault"]
	is.True(named)
}
