package authority_test

import (
	"crypto/x509"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault/internal/authority"
)

// outside stands for the t of a test, which an example has not.
type outside struct{ testing.TB }

func (outside) Helper() {}

func Example() {
	t := outside{} // of a test: its own t
	ca := authority.New(t, "tests")
	pair := ca.Client(t, authority.Wanted{CommonName: "newsbot", URIs: []string{"spiffe://example.org/newsbot"}})
	_, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: authority.Pool(ca), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	fmt.Println(pair.Leaf.URIs[0], err)
	// Output: spiffe://example.org/newsbot <nil>
}
