package vaulttest

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
)

// Nobody is the keyword for no service in the files of [CheckPolicy].
const Nobody = "nobody"

// CheckPolicy checks a policy against a file of expected decisions, so that a change of the .env
// that grants more or less than intended fails a build. Each line is an address, an action, and
// the services that may do it in alphabetical order:
//
//	newsbot/prod/db/password read: admin, newsbot
//	newsbot/prod/db/password destroy: nobody
//
// Blank lines and lines that start with "#" are ignored. For each line that differs from the
// policy, CheckPolicy fails the test and reports the correct line.
func CheckPolicy(t testing.TB, policy *myvault.Policy, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	defer f.Close()
	checked := 0
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		checked++
		want, err := decision(policy, line)
		if err != nil {
			t.Errorf("%s:%d: %v", file, n, err)
		} else if want != line {
			t.Errorf("%s:%d: the policy differs\n  file:   %s\n  policy: %s", file, n, line, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	if checked == 0 {
		t.Errorf("%s: no line to check; write lines such as: newsbot/prod/db read: newsbot", file)
	}
}

// decision returns line with the services that the policy allows.
func decision(policy *myvault.Policy, line string) (string, error) {
	request, _, found := strings.Cut(line, ": ")
	// Names may contain spaces, actions do not.
	space := strings.LastIndexByte(request, ' ')
	if !found || space < 0 {
		return "", fmt.Errorf("write address, action and services, such as: newsbot/prod/db read: newsbot, or %s", Nobody)
	}
	addr, err := myvault.ParseAddress(request[:space])
	if err != nil {
		return "", err
	}
	action, err := myvault.ParseAction(request[space+1:])
	if err != nil {
		return "", err
	}
	who := strings.Join(policy.Who(action, addr), ", ")
	if who == "" {
		who = Nobody
	}
	return request + ": " + who, nil
}
