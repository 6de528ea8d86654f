package console_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/envcases"
)

// parseAll makes Node parse each text as the page does.
const parseAll = `
import {readFileSync} from 'node:fs'
const {parse} = await import('data:text/javascript;base64,' + readFileSync(process.argv[1]).toString('base64'))
const read = (text) => {
  const {entries, errors} = parse(text)
  return errors.length ? {wrong: errors.map((e) => e.line)} : {settings: Object.fromEntries(entries.map((e) => [e.name, e.value]))}
}
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)))
`

// TestDotenvMatchesGo compares dotenv.js with the Go parser: the shared table of cases and random
// texts. tests/console does the same in Chromium.
func TestDotenvMatchesGo(t *testing.T) {
	is := is.New(t)
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node is not installed")
		}
		t.Skip("node is not installed; in CI this fails")
	}
	cases := append(envcases.Table(t), envcases.Random(1, 20_000)...)
	var texts []string
	good := 0
	for _, c := range cases {
		texts = append(texts, c.Text)
		if len(c.Settings) > 0 {
			good++
		}
	}
	is.True(good > len(cases)/20) // enough cases are valid
	stdin, err := json.Marshal(texts)
	is.NoErr(err)
	script := exec.Command(node, "--input-type=module", "-e", parseAll, filepath.Join("files", "dotenv.js"))
	script.Stdin = bytes.NewReader(stdin)
	out, err := script.Output()
	is.NoErr(err)
	var read []envcases.Result
	is.NoErr(json.Unmarshal(out, &read))
	is.Equal(len(read), len(cases))
	for n, c := range cases {
		got, _ := json.Marshal(read[n])
		want, _ := json.Marshal(c.Result)
		if !bytes.Equal(got, want) {
			t.Fatalf("%q: dotenv.js returns %s, Go returns %s", c.Text, got, want)

		}
	}
}
