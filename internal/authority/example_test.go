package authority_test

import (
	"crypto/x509"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault/internal/authority"
)

// fakeT replaces the t of a test, which an example does not have.
type fakeT struct{ testing.TB }

func (fakeT) Helper() {}

func Example() {
	t := fakeT{} // in a test: its own t
	ca := authority.New(t, "tests")
	pair := ca.Client(t, authority.Wanted{CommonName: "newsbot", URIs: []string{"spiffe://example.org/newsbot"}})
	_, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: authority.Pool(ca), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	fmt.Println(pair.Leaf.URIs[0], err)
	// Output: spiffe://example.org/newsbot <nil>
}
