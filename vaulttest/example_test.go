package vaulttest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

// connect is the code under test: it reads its password from a session.
func connect(ctx context.Context, s *myvault.Session) (string, error) {
	secret, err := s.Get(ctx, myvault.Address{Project: "newsbot", Path: "prod/db"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("connected with %d bytes", secret.Value.Len()), nil
}

// fakeT replaces the t of a test, which an example does not have.
type fakeT struct {
	testing.TB
	cleanup []func()
}

func (*fakeT) Helper()                  {}
func (*fakeT) Context() context.Context { return context.Background() }
func (t *fakeT) Cleanup(f func())       { t.cleanup = append(t.cleanup, f) }

func (t *fakeT) end() {
	for _, f := range t.cleanup {
		f()
	}
}

func Example() {
	t := &fakeT{} // in a test: its own t
	defer t.end()
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2"})
	fmt.Println(connect(t.Context(), vault.As("test")))
	// Output:
	// connected with 7 bytes <nil>
}
