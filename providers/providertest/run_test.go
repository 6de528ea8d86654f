package providertest_test

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/providertest"
)

var asBroken = flag.Bool("as-broken", false, "run the suite on a broken provider with a false declaration")

// Run fails the subtests of broken clauses and of false declarations. The test runs it in another
// process, because a failure cannot be caught in the same one.
func TestRunFails(t *testing.T) {
	if *asBroken {
		corrupt := onInfos(myvault.OpPut, func(_ *fake, _ myvault.Commit, info *myvault.Info) { info.Version-- })
		providertest.Run(t, func(t testing.TB) providertest.Store { return faked(t, corrupt) }, providertest.Auditor)
		return
	}
	is := is.New(t)
	out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunFails$", "-test.v", "-as-broken").CombinedOutput()
	is.True(err != nil) // the run fails
	for _, line := range []string{
		"--- FAIL: TestRunFails/put/first-version",
		"The first Put of an address creates version 1. But: version: got 0, want 1",
		"--- PASS: TestRunFails/list/empty",
		"--- FAIL: TestRunFails/auditor/heads",
		"lacks Auditor",
		"Auditor is declared as lacking, but the provider has it",
	} {
		is.True(strings.Contains(string(out), line)) // missing in the output
	}
}
