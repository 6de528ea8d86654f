// Package policy_test shows how a team can test its policy. A file lists who may do what, and the
// test fails if the .env grants more or less.
package policy_test

import (
	"os"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

func TestPolicy(t *testing.T) {
	is := is.New(t)
	file, err := os.Open("../../.env.example") // not ReadEnvFile, because the checkout may belong to another user
	is.NoErr(err)
	defer file.Close()
	settings, err := myvault.ReadEnv(file)
	is.NoErr(err)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vaulttest.CheckPolicy(t, policy, "testdata/policy.txt")
	is.Equal(policy.Lint(), nil) // no rule without an effect
}
