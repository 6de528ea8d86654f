package transfer

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/myswiftagent/myvault"
)

// examined is one address as both sides have it.
type examined struct {
	found
	want       []myvault.Info // of the source, as the target must have it
	have       []myvault.Info // of the target
	lost       []myvault.Version
	problems   []Problem // why it cannot be copied unchanged
	conflict   string    // why the target cannot be continued
	pending    bool      // the target lacks something
	equal      bool
	uncompared int    // values that one side cannot read
	source     []byte // digests; own covers all values of the source, also those the target cannot read
	target     []byte
	own        []byte
}

// examine reads one address on both sides, with all values.
func (c *copier) examine(ctx context.Context, f found) (examined, error) {
	var x examined
	err := retry(ctx, func() (_ int, err error) {
		x, err = c.examineOnce(ctx, f)
		return 0, err
	})
	return x, wrap(f.addr, err)
}

func (c *copier) examineOnce(ctx context.Context, f found) (examined, error) {
	x := examined{found: f}
	infos, err := c.src.versions(ctx, f.addr)
	if err != nil {
		return x, err
	}
	if x.have, err = c.dst.versions(ctx, f.addr); err != nil {
		return x, err
	}
	x.want = slices.Clone(infos)
	_, maxVersions := c.limits()
	x.fits(maxVersions)
	if !gapless(x.have) {
		x.conflict = "the target has not kept all of its versions"
	}
	if !gapless(infos) || x.conflict != "" {
		return x, nil
	}
	differs, err := x.readValues(ctx, c, infos)
	if err != nil {
		return x, err
	}
	changes, reason := catchUp(x.have, x.want)
	if reason == "" && differs != 0 {
		reason = fmt.Sprintf("version %d has another value", differs)
	}
	if len(infos) == 0 {
		reason = "the source does not have it"
	}
	x.conflict = reason
	x.pending = reason == "" && (len(changes) > 0 || len(x.have) < len(x.want))
	x.equal = reason == "" && !x.pending
	return x, nil
}

// readValues compares the values and computes the digests. It returns the first version that has
// another value in the target, or 0.
func (x *examined) readValues(ctx context.Context, c *copier, infos []myvault.Info) (differs myvault.Version, err error) {
	source, own := newSum(c.DigestKey, x.addr, len(infos)), newSum(c.DigestKey, x.addr, len(infos))
	target := newSum(c.DigestKey, x.addr, len(x.have))
	theirs, stop := iter.Pull2(c.dst.values(ctx, x.have, 0))
	defer stop()
	for secret, err := range c.src.values(ctx, infos, 0) {
		if err != nil {
			return 0, err
		}
		other, err, _ := theirs()
		if err != nil {
			return 0, err
		}
		x.check(secret)
		want := x.want[secret.Version-1]
		mine, yours := secret.Value.RevealBytes(), other.Value.RevealBytes()
		if want.State == myvault.Destroyed {
			clear(mine)
			mine = nil
		}
		if want.State != myvault.Destroyed && other.Version != 0 && other.State != myvault.Destroyed && (mine == nil) != (yours == nil) {
			x.uncompared++
		}
		both := mine != nil && yours != nil
		if both && differs == 0 && !bytes.Equal(mine, yours) {
			differs = secret.Version
		}
		own.version(want, mine, true)
		source.version(want, mine, both)
		if other.Version != 0 {
			target.version(other.Info, yours, both)
		}
		clear(mine)
		clear(yours)
		c.progress.version()
	}
	for other, err, more := theirs(); more; other, err, more = theirs() {
		if err != nil {
			return 0, err
		}
		target.version(other.Info, nil, false)
	}
	x.source, x.target, x.own = source.sum(), target.sum(), own.sum()
	return differs, nil
}

// check notes whether a value of the source is missing or invalid.
func (x *examined) check(secret myvault.Secret) {
	v := secret.Version
	switch {
	case secret.State == myvault.Destroyed:
	case secret.Value.Len() == 0:
		x.lost = append(x.lost, v)
		x.want[v-1].State = myvault.Destroyed
	default:
		if err := secret.Value.Validate(); err != nil {
			x.unfit(v, err.Error())
		}
	}
}

func (x *examined) unfit(v myvault.Version, reason string) {
	x.problems = append(x.problems, Problem{x.addr, v, reason})
}

// fits notes what the target, which keeps maxVersions of a secret, cannot represent.
func (x *examined) fits(maxVersions int) {
	if !x.first {
		return
	}
	if err := validateStored(x.addr); err != nil {
		x.unfit(0, err.Error())
	}
	if !gapless(x.want) {
		x.unfit(0, "the source has not kept all of its versions")
	}
	if n := len(x.want); maxVersions > 0 && n > maxVersions {
		x.unfit(0, fmt.Sprintf("it has %d versions and the target keeps %d", n, maxVersions))
	}
	for _, info := range x.want {
		if reason := unfitAuthor(info.By); reason != "" {
			x.unfit(info.Version, reason)
		}
	}
}

// gapless reports whether versions are numbered from 1 without gaps, oldest first.
func gapless(infos []myvault.Info) bool {
	for i, info := range infos {
		if int(info.Version) != i+1 {
			return false
		}
	}
	return true
}

// maxAuthor is the longest name of an author that every store keeps, in bytes of UTF-8.
const maxAuthor = 128

// unfitAuthor returns the reason why a store cannot keep name as an author, or "".
func unfitAuthor(name string) string {
	if len(name) > maxAuthor || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Sprintf("its author is longer than %d bytes or not printable text", maxAuthor)
	}
	return ""
}

// validateStored is [myvault.Address.Validate] for a stored address, which may also be that of an
// internal record.
func validateStored(addr myvault.Address) error {
	return myvault.Address{Project: strings.TrimPrefix(addr.Project, "."), Path: addr.Path}.Validate()
}

// limits returns the limits of the target; 0 is no limit.
func (c *copier) limits() (projects, versions int) {
	if limited, ok := c.dst.Provider.(myvault.Limited); ok {
		return limited.Limits()
	}
	return 0, 0
}
