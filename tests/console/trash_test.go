package console_test

import (
	"testing"

	"github.com/matryer/is"
)

func TestDeleteUndeleteDestroy(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
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
		p.see("The secret is restored.")
		is.Equal(v.get("newsbot/prod/db"), "canary-1")
		v.put(admin, "newsbot/prod/db", "canary-3")
		v.delete("newsbot/prod/db")
		h.press(p, "Trash")
		h.press(p, "Destroy newsbot/prod/db")
		p.see("This destroys values permanently.")
		is.True(value[bool](p, `document.querySelector("dialog .danger").disabled`)) // until the name is typed
		h.fill(p, "Type the name above to confirm", "newsbot/prod/other")
		is.True(value[bool](p, `document.querySelector("dialog .danger").disabled`)) // another name is typed
		h.fill(p, "Type the name above to confirm", "newsbot/prod/db")
		h.press(p, "Destroy permanently")
		p.see("Destroyed permanently.")
		p.see("The trash is empty.") // destroyed secrets have a separate list
		p.see("Destroyed secrets")
		p.wait(`document.querySelector("section tbody a")?.textContent === "newsbot/prod/db"`)
		is.Equal(value[int](p, `document.querySelectorAll("section tbody button").length`), 0)
		is.Equal(v.get("newsbot/prod/other"), "canary-2")
		h.press(p, "Trail")
		h.fill(p, "Action", "destroy")
		h.press(p, "Show")
		p.see("v1–v2") // both versions

	})
}
