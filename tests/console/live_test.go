package console_test

import (
	"testing"

	"github.com/matryer/is"
)

// TestChangesElsewhereAppear makes changes without the page.
func TestChangesElsewhereAppear(t *testing.T) {
	is := is.New(t)
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/db", admin)
	mouse{}.press(p, "New version")
	mouse{}.fill(p, "New value", "canary-mine")
	v.put(admin, "newsbot/prod/added", "canary-2") // a new row of the tree
	p.see("added")
	v.put(admin, "newsbot/prod/db", "canary-3")
	p.see("Changed elsewhere.")
	is.Equal(v.reads(), 0) // nothing is read before Reveal
	mouse{}.press(p, "Show the change")
	p.wait(byName(controls, "Restore version 1"))
	is.Equal(value[string](p, byName(fields, "New value")+".value"), "canary-mine")
}

// TestRevealedValueChangedElsewhere covers a value that is on the page when it changes.
func TestRevealedValueChangedElsewhere(t *testing.T) {
	is := is.New(t)
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/db", admin)
	mouse{}.press(p, "Reveal")
	p.see("canary-1")
	v.put(admin, "newsbot/prod/db", "canary-2")
	p.see("Changed elsewhere.")
	p.see("canary-1")
	is.Equal(v.reads(), 1)
}

// TestVaultCommand: the page has the command of Vault's clients, quoted for a shell.
func TestVaultCommand(t *testing.T) {
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1", "newsbot/it's": "canary-2"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/db", admin)
	p.see("vault kv get -mount=newsbot prod/db")
	p = signedIn(t, v, mouse{}, "#/secret/newsbot/it%27s", admin)
	p.see(`vault kv get -mount=newsbot 'it'\''s'`)
}
