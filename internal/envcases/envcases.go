// Package envcases has the test cases for all parsers of .env files: those of
// testdata/dotenv.json, and random ones.
package envcases

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
)

// Case is a text and the result of parsing it.
type Case struct {
	Text string `json:"text"`
	Result
}

// Result is the settings of a text, or the numbers of its invalid lines.
type Result struct {
	Settings map[string]string `json:"settings"`
	Wrong    []int             `json:"wrong"`
}

// Table returns the cases of testdata/dotenv.json.
func Table(t testing.TB) []Case {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "testdata", "dotenv.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Cases []Case }
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Cases) == 0 {
		t.Fatal("the table has no cases")
	}
	return table.Cases
}

// Random returns n texts, the same for the same seed, with the results of the Go parser.
func Random(seed uint64, n int) []Case {
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	cases := make([]Case, n)
	for i := range cases {
		var text strings.Builder
		for range 1 + random.IntN(3) {
			text.WriteString(pick("A", "B", "C", "D", "E", "export F", " G\t", "#", "1x", "a.b-c", "", "\uFEFFH"))
			text.WriteString(pick("=", "=", "=", "=", " = ", ""))
			quote := pick("", "", "'", `"`)
			text.WriteString(quote)
			for range random.IntN(4) {
				text.WriteString(pick("x", "y z", "#", " #", " ", "\t", "\n", "\r", "é", "\u00a0", "$", "=", `\n`, `\\`, `\"`, `\`, "'", `"`, "\x00"))
			}
			text.WriteString(pick(quote, quote, quote, quote+" # c", quote+"#", quote+" ", ""))
			text.WriteString(pick("\n", "\n", "\r\n", "\n\n"))
		}
		cases[i] = Case{text.String(), Read(text.String())}
	}
	return cases
}

var lineNumber = regexp.MustCompile(`(?m)^invalid \.env: line (\d+): `)

// Read parses text with myvault.ReadEnv.
func Read(text string) Result {
	settings, err := myvault.ReadEnv(strings.NewReader(text))
	if err == nil {
		return Result{Settings: settings}
	}
	var wrong []int
	for _, found := range lineNumber.FindAllStringSubmatch(err.Error(), -1) {
		number, _ := strconv.Atoi(found[1]) // it is digits
		wrong = append(wrong, number)
	}
	return Result{Wrong: wrong}
}
