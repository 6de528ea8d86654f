// Package policy_test shows how a team keeps its .env from giving more than was meant: a
// file says who may do what, and a build fails when the .env and the file part.
package policy_test

import (
	"os"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

func TestWhoMayDoWhat(t *testing.T) {
	is := is.New(t)
	file, err := os.Open("../../.env.example") // not ReadEnvFile: a build may have another user than the checkout
	is.NoErr(err)
	defer file.Close()
	settings, err := myvault.ReadEnv(file)
	is.NoErr(err)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vaulttest.CheckPolicy(t, policy, "testdata/policy.txt")
	is.Equal(policy.Lint(), nil) // no rule without an effect
}
