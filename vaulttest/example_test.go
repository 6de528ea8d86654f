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

func Example() {
	test := func(t *testing.T) {
		vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2"})
		fmt.Println(connect(t.Context(), vault.As("test")))
	}
	testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestConnect", F: test}})
	// Output:
	// connected with 7 bytes <nil>
}
