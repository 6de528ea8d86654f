package console_test

import (
	"testing"

	"github.com/matryer/is"
)

// signedIn opens a screen of the console and signs in as a service.
func signedIn(t *testing.T, v *server, h inputDevice, fragment, service string) *page {
	t.Helper()
	p := open(t, v, fragment)
	signIn(p, h, service)
	p.wait(`document.querySelector(".frame")`)
	return p
}

func signIn(p *page, h inputDevice, service string) {
	p.t.Helper()
	h.fill(p, "Service", service)
	h.fill(p, "Token", token(service))
	h.press(p, "Sign in")
}

func TestSignIn(t *testing.T) {
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		p := open(t, v, "")
		h.fill(p, "Service", admin)
		h.fill(p, "Token", "canary-wrong")
		h.press(p, "Sign in")
		p.see("Wrong service or token.")
		signIn(p, h, admin)
		p.see("Signed in as")
		h.press(p, "Signed in as "+admin)
		p.see("*/@read+write+delete+list+destroy+audit")
		h.press(p, "Sign out")
		p.wait(byName(fields, "Token"))
		is.Equal(value[string](p, byName(fields, "Token")+".value"), "")
	})
}

func TestRevealIsOneReadAndNoMore(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db/password": "canary-1", "newsbot/dev/db": "canary-2"})
		p := signedIn(t, v, h, "", admin)
		h.pick(p, "password")
		p.see("The value is hidden.")
		is.Equal(v.reads(), 0)
		h.press(p, "Reveal")
		p.see("canary-1")
		is.Equal(v.reads(), 1)
		h.press(p, "Hide")
		p.gone("canary-1")
		is.Equal(v.reads(), 1)
	})
}
