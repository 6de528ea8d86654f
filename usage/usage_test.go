package usage_test

import (
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/usage"
)

var db = myvault.Address{Project: "newsbot", Path: "prod/db"}

func rules(t testing.TB, texts ...string) []myvault.Rule {
	t.Helper()
	rules := make([]myvault.Rule, len(texts))
	for i, text := range texts {
		var err error
		if rules[i], err = myvault.ParseRule(text); err != nil {
			t.Fatal(err)
		}
	}
	return rules
}

// vaultOf opens a vault whose service "root" may do everything, and "svc" may use newsbot/prod/.
func vaultOf(t testing.TB, provider myvault.Provider, config myvault.Config) *myvault.Vault {
	t.Helper()
	policy, err := myvault.NewPolicy(
		myvault.Service{Name: "root", Allow: rules(t, "*/", "*/@destroy+audit")},
		myvault.Service{Name: "svc", Allow: rules(t, "newsbot/prod/")},
	)
	if err != nil {
		t.Fatal(err)
	}
	v, err := myvault.New(provider, policy, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func openVault(t testing.TB, config myvault.Config) *myvault.Vault {
	t.Helper()
	return vaultOf(t, memory.New(memory.Config{}), config)
}

// indexOf returns a new index of v.
func indexOf(t testing.TB, v *myvault.Vault) *usage.Index {
	t.Helper()
	index, err := usage.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// fill puts secrets as root.
func fill(t testing.TB, v *myvault.Vault, addresses ...string) {
	t.Helper()
	for _, text := range addresses {
		addr, err := myvault.ParseAddress(text)
		if err == nil {
			_, err = v.As("root").Put(t.Context(), addr, myvault.Text("value of "+text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
