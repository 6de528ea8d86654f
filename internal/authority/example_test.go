package authority_test

import (
	"crypto/x509"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault/internal/authority"
)

func Example() {
	test := func(t *testing.T) {
		ca := authority.New(t, "tests")
		pair := ca.Client(t, authority.Wanted{CommonName: "newsbot", URIs: []string{"spiffe://example.org/newsbot"}})
		_, err := pair.Leaf.Verify(x509.VerifyOptions{
			Roots: authority.Pool(ca), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		fmt.Println(pair.Leaf.URIs[0], err)
	}
	testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestClient", F: test}})
	// Output: spiffe://example.org/newsbot <nil>
}
