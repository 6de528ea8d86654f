package vaulttest

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
)

// Nobody stands in a file for [Policy] where no service may do the action.
const Nobody = "nobody"

// Policy holds a policy to a file that says who may do what, so that a change of the .env
// which gives more, or less, than was meant fails a build. Each line is an address, an
// action and the services that may do it, in the order of their names:
//
//	newsbot/prod/db/password read: admin, newsbot
//	newsbot/prod/db/password destroy: nobody
//
// Blank lines, and those that start with "#", say nothing. Every line that the policy does not
// bear out fails the test, with the line as it would have to be.
func Policy(t testing.TB, policy *myvault.Policy, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	defer f.Close()
	asked := 0
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		asked++
		answer, err := answerOf(policy, line)
		if err != nil {
			t.Errorf("%s:%d: %v", file, n, err)
		} else if answer != line {
			t.Errorf("%s:%d: the policy has it otherwise\n  file:   %s\n  policy: %s", file, n, line, answer)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	if asked == 0 {
		t.Errorf("%s: it asks nothing; write lines such as: newsbot/prod/db read: newsbot", file)
	}
}

// answerOf gives the line as the policy would have it.
func answerOf(policy *myvault.Policy, line string) (string, error) {
	question, _, found := strings.Cut(line, ": ")
	// Names may hold blanks, actions do not.
	at := strings.LastIndexByte(question, ' ')
	if !found || at < 0 {
		return "", fmt.Errorf("want address, action and services, such as: newsbot/prod/db read: newsbot, or %s", Nobody)
	}
	addr, err := myvault.ParseAddress(question[:at])
	if err != nil {
		return "", err
	}
	action, err := myvault.ParseAction(question[at+1:])
	if err != nil {
		return "", err
	}
	who := strings.Join(policy.Who(action, addr), ", ")
	if who == "" {
		who = Nobody
	}
	return question + ": " + who, nil
}
