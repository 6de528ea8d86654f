package console_test

import (
	"testing"

	"github.com/matryer/is"
)

func TestDeleteUndeleteDestroy(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1", "newsbot/prod/other": "canary-2"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "Delete")
		p.see("moves to the trash")
		h.press(p, "Cancel")
		is.Equal(v.get("newsbot/prod/db"), "canary-1")
		h.press(p, "Delete")
		h.press(p, "Delete")
		p.see("This secret is in the trash")
		is.Equal(v.get("newsbot/prod/db"), "")
		h.press(p, "Undelete")
		p.see("It is back.")
		is.Equal(v.get("newsbot/prod/db"), "canary-1")
		v.put(admin, "newsbot/prod/db", "canary-3")
		v.delete("newsbot/prod/db")
		h.press(p, "Trash")
		h.press(p, "Destroy newsbot/prod/db")
		p.see("The values are gone for good.")
		is.True(value[bool](p, `document.querySelector("dialog .danger").disabled`)) // before the name is typed
		h.fill(p, "Type the name above to confirm", "newsbot/prod/other")
		is.True(value[bool](p, `document.querySelector("dialog .danger").disabled`)) // by another name
		h.fill(p, "Type the name above to confirm", "newsbot/prod/db")
		h.press(p, "Destroy for good")
		p.see("It is destroyed.")
		p.see("The trash is empty.") // what is destroyed stands apart
		p.see("Destroyed, nothing to restore")
		p.wait(`document.querySelector("section tbody a")?.textContent === "newsbot/prod/db"`)
		is.Equal(value[int](p, `document.querySelectorAll("section tbody button").length`), 0)
		is.Equal(v.get("newsbot/prod/other"), "canary-2")
		h.press(p, "Trail")
		h.fill(p, "Action", "destroy")
		h.press(p, "Show")
		p.see("v1–v2") // both versions, not the newest alone
	})
}
