package themes

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// policyTables time a decision by itself, of addresses that are allowed and denied in turn.
func policyTables(r *run) ([]Table, error) {
	t := Table{Title: "Deciding", Note: "`Policy.Allows` of addresses with four segments, half of them allowed, for a service with 2 and with 1,000 rules."}
	var contestants []measure.Contestant
	names := []string{"2 rules", "1,000 rules"}
	for i, rules := range []int{2, 1000} {
		op, err := decide(rules)
		if err != nil {
			return nil, err
		}
		contestants = append(contestants, measure.Contestant{Name: names[i], Round: func() ([]float64, error) {
			rate, err := measure.PerSecond(r.Slice, 1, op)
			if err != nil {
				return nil, err
			}
			allocations, err := measure.Allocations(10_000, op)
			return []float64{1 / rate, allocations}, err
		}})
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, contestants)
	if err != nil {
		return nil, err
	}
	reach := []Reach{FigureAtMost(150e-9, "at most 150 ns"), FigureAtMost(300e-9, "at most 300 ns")}
	for i, result := range results {
		t.Rows = append(t.Rows,
			Row{What: "a decision, " + result.Name, Unit: seconds, Figure: result.Of(0), Reach: reach[i]},
			// Other goroutines of the program allocate now and then.
			Row{What: "allocations of a decision, " + result.Name, Unit: plain, Figure: result.Of(1), Reach: FigureAtMost(0.01, "none")})
	}
	return []Table{t}, nil
}

// decide gives the n-th decision. An answer that is not the right one is an error.
func decide(rules int) (measure.Op, error) {
	policy, err := peers.NewPolicy(rules)
	if err != nil {
		return nil, err
	}
	var asked [1000]myvault.Address
	for i := range asked {
		asked[i] = peers.Name(i).Address()
		if i%2 == 1 {
			asked[i].Path = "test" + asked[i].Path[len("prod"):]
		}
	}
	return func(_, n int) error {
		i := n % len(asked)
		if policy.Allows(peers.ServiceName, myvault.Read, asked[i]) != (i%2 == 0) {
			return fmt.Errorf("%s: a wrong decision", asked[i])
		}
		return nil
	}, nil
}
