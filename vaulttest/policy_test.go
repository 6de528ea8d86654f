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

// errorRecorder is a testing.TB that records the messages of Errorf.
type errorRecorder struct {
	testing.TB
	messages []string
}

func (r *errorRecorder) Errorf(format string, args ...any) {
	r.messages = append(r.messages, fmt.Sprintf(format, args...))
}

func TestCheckPolicy(t *testing.T) {
	policy, err := myvault.NewPolicy(vaulttest.Service(t, "ui", "*/prod/"), vaulttest.Service(t, "bot", "news bot/prod/@read"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		want []string // a part of each message
	}{
		"correct":          {"# who\n\nnews bot/prod/db read: bot, ui\nnews bot/prod/db write: ui\nx/dev/a read: nobody\n", nil},
		"grants more":      {"news bot/prod/db read: ui", []string{":1: the policy differs\n  file:   news bot/prod/db read: ui\n  policy: news bot/prod/db read: bot, ui"}},
		"grants less":      {"\nx/dev/a read: ui\nx/prod/a read: ui", []string{":2: the policy differs"}},
		"no such action":   {"x/prod/a look: ui", []string{"invalid action"}},
		"no such address":  {"x read: ui", []string{"invalid address"}},
		"no services":      {"x/prod/a read", []string{"write address, action and services"}},
		"no line":          {"# nothing\n", []string{"no line to check"}},
		"every wrong line": {"x/prod/a read: a\nx/prod/a write: b", []string{":1:", ":2:"}},
		"wrong order":      {"news bot/prod/db read: ui, bot", []string{"policy: news bot/prod/db read: bot, ui"}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			file := filepath.Join(t.TempDir(), "policy.txt")
			is.NoErr(os.WriteFile(file, []byte(c.file), 0o600))
			r := &errorRecorder{TB: t}
			vaulttest.CheckPolicy(r, policy, file)
			is.Equal(len(r.messages), len(c.want))
			for i, want := range c.want {
				is.True(strings.Contains(r.messages[i], want))
			}
		})
	}
}
