package client

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// join returns the condition that holds if all of them do.
func join(conditions []myvault.Condition) (all myvault.Condition, err error) {
	always, present := myvault.Condition{}, myvault.IfPresent()
	for _, c := range conditions {
		switch {
		case all == always, all == c, all == present && c.Version() > 0:
			all = c
		case c == always, all.Version() > 0 && c == present:
		default:
			return all, fmt.Errorf("%w conditions: they exclude each other", myvault.ErrInvalid)
		}
	}
	return all, nil
}
