package request_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

func Example() {
	r := httptest.NewRequest("LIST", "/v1/newsbot/metadata/", nil)
	r.Header.Set("X-Request-Id", "req-1")
	fmt.Println(request.ID(r), request.Method(r))
	r.Header.Set("X-Request-Id", "not fit for a log\n")
	fmt.Println(len(request.ID(r)))
	// Output:
	// req-1 other
	// 26
}
