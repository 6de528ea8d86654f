package vaulttest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

// connect is the code under test: it takes its password from a session.
func connect(ctx context.Context, s *myvault.Session) (string, error) {
	secret, err := s.Get(ctx, myvault.Address{Project: "newsbot", Path: "prod/db"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("connected with %d bytes", secret.Value.Len()), nil
}

// outside stands for the t of a test, which an example has not.
type outside struct {
	testing.TB
	cleanup []func()
}

func (*outside) Helper()                  {}
func (*outside) Context() context.Context { return context.Background() }
func (o *outside) Cleanup(f func())       { o.cleanup = append(o.cleanup, f) }

func (o *outside) end() {
	for _, f := range o.cleanup {
		f()
	}
}

func Example() {
	t := &outside{} // of a test: its own t
	defer t.end()
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2"})
	fmt.Println(connect(t.Context(), vault.As("test")))
	// Output:
	// connected with 7 bytes <nil>
}
