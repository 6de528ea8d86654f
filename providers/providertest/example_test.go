package providertest_test

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/providertest"
)

// forgetful is a provider that accepts every change and applies none.
type forgetful struct{ *memory.Provider }

func (forgetful) Apply(_ context.Context, c myvault.Commit) ([]myvault.Info, error) {
	return make([]myvault.Info, len(c.Changes)), nil
}

// Clauses can be checked outside of a test, for example during development.
func ExampleClauses() {
	store := providertest.Store{Open: func(context.Context) (myvault.Provider, error) {
		return forgetful{memory.New(memory.Config{})}, nil
	}}
	for _, clause := range providertest.Clauses() {
		switch clause.Name {
		case "put/first-version", "put/readable", "project/none":
			fmt.Println(clause.Name)
			fmt.Println("   ", clause.Promise)
			fmt.Println("   ", clause.Check(context.Background(), store))
		}
	}
	// Output:
	// put/first-version
	//     The first Put of an address creates version 1.
	//     version: got 0, want 1
	// put/readable
	//     A value can be read as soon as Put has returned.
	//     get version 0 of newsbot/prod/db: not found
	// project/none
	//     A new store has no projects and no default project.
	//     <nil>
}
