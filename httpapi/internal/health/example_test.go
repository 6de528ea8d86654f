package health_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/myswiftagent/myvault/httpapi/internal/health"
)

func Example() {
	asked := 0
	ask := func(context.Context) error {
		asked++
		return errors.New("the store does not answer")
	}
	check := health.New(ask, slog.New(slog.DiscardHandler), "unhealthy")
	fmt.Println(check.Good(context.Background()), check.Good(context.Background()))
	fmt.Println(asked) // the second result was fresh
	// Output:
	// false false
	// 1
}
