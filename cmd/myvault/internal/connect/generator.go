package connect

import (
	"context"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
)

// NewVersion is a version to write, from a value or a generator.
type NewVersion struct {
	Value       myvault.Value
	Generate    Generator // makes Value, unless it is the zero Generator
	Expires     time.Time
	RotateAfter time.Time
}

// Generator describes a random value, such as "text:32:alphanumeric".
type Generator struct {
	spec string
	make myvault.Generator
}

// ParseGenerator parses the description of a random value. See [generate.Parse].
func ParseGenerator(spec string) (Generator, error) {
	made, err := generate.Parse(spec)
	return Generator{spec, made}, err
}

// PutNew writes a version. A server generates its value itself.
func (v *Vault) PutNew(ctx context.Context, addr myvault.Address, n NewVersion, conditions ...myvault.Condition) (myvault.Info, error) {
	return v.PutVersion(ctx, addr, myvault.NewVersion{
		Value: n.Value, Generate: n.Generate.make, Expires: n.Expires, RotateAfter: n.RotateAfter,
	}, conditions...)
}
