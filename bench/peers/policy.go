package peers

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// NewPolicy returns a policy with one service that has the given number of rules, at least 2. They
// allow everything below prod in every project of [Names].
func NewPolicy(rules int) (*myvault.Policy, error) {
	texts := []string{"common/", "*/prod/"}
	for i := len(texts); i < rules; i++ {
		texts = append(texts, fmt.Sprintf("service-%04d/stage/db/key-%03d", i/10, i))
	}
	allow := make([]myvault.Rule, len(texts))
	for i, text := range texts {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return nil, err
		}
		allow[i] = rule
	}
	return myvault.NewPolicy(myvault.Service{Name: serviceName, Tokens: []string{Token}, Allow: allow})
}
