package vaulttest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

// reporting is a testing.TB that keeps what was reported.
type reporting struct {
	testing.TB
	said []string
}

func (r *reporting) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestPolicyIsHeldToItsFile(t *testing.T) {
	policy, err := myvault.NewPolicy(vaulttest.Service(t, "ui", "*/prod/"), vaulttest.Service(t, "bot", "news bot/prod/@read"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		want []string // parts of what is reported, one for each report
	}{
		"as it is":         {"# who\n\nnews bot/prod/db read: bot, ui\nnews bot/prod/db write: ui\nx/dev/a read: nobody\n", nil},
		"gives more":       {"news bot/prod/db read: ui", []string{":1: the policy has it otherwise\n  file:   news bot/prod/db read: ui\n  policy: news bot/prod/db read: bot, ui"}},
		"gives less":       {"\nx/dev/a read: ui\nx/prod/a read: ui", []string{":2: the policy has it otherwise"}},
		"no such action":   {"x/prod/a look: ui", []string{"invalid action"}},
		"no such address":  {"x read: ui", []string{"invalid address"}},
		"no services":      {"x/prod/a read", []string{"want address, action and services"}},
		"no question":      {"# nothing\n", []string{"it asks nothing"}},
		"every bad line":   {"x/prod/a read: a\nx/prod/a write: b", []string{":1:", ":2:"}},
		"another ordering": {"news bot/prod/db read: ui, bot", []string{"policy: news bot/prod/db read: bot, ui"}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			file := filepath.Join(t.TempDir(), "policy.txt")
			is.NoErr(os.WriteFile(file, []byte(c.file), 0o600))
			r := &reporting{TB: t}
			vaulttest.Policy(r, policy, file)
			is.Equal(len(r.said), len(c.want))
			for i, want := range c.want {
				is.True(strings.Contains(r.said[i], want))
			}
		})
	}
}
