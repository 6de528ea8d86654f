package memory_test

import (
	"context"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, func(testing.TB) providertest.Store {
		const projects = 20
		return providertest.Store{
			MaxProjects: projects,
			Open: func(context.Context) (myvault.Provider, error) {
				return memory.New(memory.Config{MaxProjects: projects}), nil
			},
		}
	}, providertest.Auditor, providertest.Persistent)
}
