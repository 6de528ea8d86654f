package scenarios

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// policyTables measure policy decisions alone. Every other address is denied.
func policyTables(r *run) ([]Table, error) {
	t := Table{Title: "Policy decisions", Note: "`Policy.Allows` for addresses with four segments, half of them allowed, and a service with 2 or 1,000 rules."}
	var candidates []measure.Candidate
	names := []string{"2 rules", "1,000 rules"}
	for i, rules := range []int{2, 1000} {
		op, err := policyOp(rules)
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, measure.Candidate{Name: names[i], Round: func() ([]float64, error) {
			rate, err := measure.PerSecond(r.Slice, 1, op)
			if err != nil {
				return nil, err
			}
			allocations, err := measure.Allocations(10_000, op)
			return []float64{1 / rate, allocations}, err
		}})
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	goals := []Goal{FigureAtMost(150e-9, "at most 150 ns"), FigureAtMost(300e-9, "at most 300 ns")}
	for i, result := range results {
		t.Rows = append(t.Rows,
			Row{What: "a decision, " + result.Name, Unit: seconds, Figure: result.Of(0), Goal: goals[i]},
			// Not exactly 0: other goroutines of the program allocate now and then.
			Row{What: "allocations of a decision, " + result.Name, Unit: plain, Figure: result.Of(1), Goal: FigureAtMost(0.01, "none")})
	}
	return []Table{t}, nil
}

// policyOp returns an Op that makes a decision and returns an error if it is wrong.
func policyOp(rules int) (measure.Op, error) {
	policy, err := peers.NewPolicy(rules)
	if err != nil {
		return nil, err
	}
	var addresses [1000]myvault.Address
	for i := range addresses {
		addresses[i] = peers.Name(i).Address()
		if i%2 == 1 {
			addresses[i].Path = "test" + addresses[i].Path[len("prod"):]
		}
	}
	return func(_, n int) error {
		i := n % len(addresses)
		if policy.Allows(peers.ServiceName, myvault.Read, addresses[i]) != (i%2 == 0) {
			return fmt.Errorf("%s: wrong decision", addresses[i])
		}
		return nil
	}, nil
}
