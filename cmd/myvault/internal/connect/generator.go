package connect

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/generate"
)

// NewVersion is a version to write, from a value or a generator.
type NewVersion struct {
	Value       myvault.Value
	Generate    *Generator // makes Value, unless nil
	Expires     time.Time
	RotateAfter time.Time
}

// Generator describes a random value.
type Generator struct {
	remote client.Generate
	local  myvault.Generator
}

// ParseGenerator parses the description of a random value, such as "text:32:alphanumeric". See
// [generate.Parse].
func ParseGenerator(spec string) (*Generator, error) {
	local, err := generate.Parse(spec)
	if err != nil {
		return nil, err
	}
	g := &Generator{local: local}
	parts := strings.Split(spec, ":") // three, as Parse has checked
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil, err
	}
	if parts[0] == "text" {
		g.remote.Length, g.remote.Alphabet = n, parts[2]
	} else {
		g.remote.Bytes, g.remote.Encoding = n, parts[2]
	}
	return g, nil
}

// PutNew writes a version. A server generates the value itself.
func (v *Vault) PutNew(ctx context.Context, addr myvault.Address, n NewVersion, conditions ...myvault.Condition) (myvault.Info, error) {
	if n.Generate != nil && v.client != nil {
		return v.client.PutGenerated(ctx, addr, n.Generate.remote, n.Expires, n.RotateAfter, conditions...)
	}
	version := myvault.NewVersion{Value: n.Value, Expires: n.Expires, RotateAfter: n.RotateAfter}
	if n.Generate != nil {
		version.Generate = n.Generate.local
	}
	return v.PutVersion(ctx, addr, version, conditions...)
}
