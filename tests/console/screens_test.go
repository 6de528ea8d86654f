package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// screen is a screen of the console and how to open it.
type screen struct {
	name     string
	fragment string
	until    string // text that is shown once the screen is complete
	steps    func(p *page)
}

// screens are all screens of the console.
var screens = []screen{
	{"secrets", "#/secrets", "Choose a secret", nil},
	{"secret", "#/secret/newsbot/prod/db/password", "The value is hidden", nil},
	{"revealed", "#/secret/newsbot/prod/service-account.json", "The value is hidden", func(p *page) {
		mouse{}.press(p, "Reveal")
		mouse{}.press(p, "Formatted")
	}},
	{"new", "#/new?project=newsbot&path=prod/api-key", "Create secret", nil},
	{"matrix", "#/matrix?level=1", "Arrow keys move", nil},
	{"import", "#/import", "Preview changes", func(p *page) {
		mouse{}.fill(p, "Project", "newsbot")
		mouse{}.fill(p, "Lines", "SMTP_HOST=canary\nSMTP_PASSWORD=canary\n")
		mouse{}.press(p, "Preview changes")
		p.wait(`document.querySelector("tbody")`)
		mouse{}.fill(p, "Lines", "")
	}},
	{"attention", "#/attention", "newsbot/prod/smtp", nil},
	{"trash", "#/trash", "newsbot/dev/old", nil},
	{"projects", "#/projects", "Register a project", nil},
	{"trail", "#/trail", "Reads and refusals", nil},
	{"access", "#/access?project=newsbot&path=prod/db/password&action=read", "may read", nil},
	{"health", "#/health", "The store is available", nil},
	{"rights", "#/me", "You are", nil},
}

// exampleServer returns a vault with realistic content.
func exampleServer(t *testing.T) *server {
	t.Helper()
	v := serve(t, map[string]string{
		"newsbot/prod/db/password":          "canary-hunter2",
		"newsbot/prod/db/user":              "canary-newsbot",
		"newsbot/prod/service-account.json": `{"type":"service_account","project_id":"newsbot-prod","private_key_id":"canary-9f2c","client_email":"newsbot@example.invalid"}`,
		"newsbot/prod/smtp":                 "canary-smtp",
		"newsbot/staging/db/password":       "canary-staging",
		"newsbot/staging/db/user":           "canary-newsbot",
		"newsbot/dev/db/password":           "canary-dev",
		"newsbot/dev/old":                   "canary-old",
		"newsbot/dev/smtp":                  "canary-smtp",
		"rag/prod/embedding-key":            "canary-rag",
		"rag/dev/embedding-key":             "canary-rag-dev",
		"common/prod/sentry":                "canary-sentry",
	}, serviceOf(t, "newsbot", "newsbot/prod/@read"), serviceOf(t, "jobqueue", "newsbot/prod/db/"), serviceOf(t, "newsbot-deploy", "newsbot/@read+write"))
	v.delete("newsbot/dev/old")
	v.putVersion("newsbot/prod/smtp", myvault.NewVersion{Value: myvault.Text("canary-smtp"), RotateAfter: time.Now().Add(5 * 24 * time.Hour)})
	v.putVersion("rag/prod/embedding-key", myvault.NewVersion{Value: myvault.Text("canary-rag"), Expires: time.Now().Add(12 * 24 * time.Hour)})
	v.put("newsbot-deploy", "newsbot/prod/db/password", "canary-hunter3")
	return v
}

// TestScreens runs axe on every screen in both color schemes. If MYVAULT_SCREENSHOTS is set, it
// takes screenshots.
func TestScreens(t *testing.T) {
	axe := axeSource(t)
	for _, scheme := range []string{"light", "dark"} {
		v := exampleServer(t)
		t.Run(scheme, func(t *testing.T) {
			p := open(t, v, "")
			p.scheme(scheme)
			p.check(axe, "sign-in", scheme)
			signIn(p, mouse{}, admin)
			for _, s := range screens {
				p.openScreen(axe, s, scheme)
			}
		})
	}
}

// TestNarrowScreens checks that no screen scrolls horizontally at 320 pixels (WCAG 1.4.10), and
// that axe finds no problems. 320 pixels is also a 1280 pixel window at 400 % zoom.
func TestNarrowScreens(t *testing.T) {
	axe := axeSource(t)
	p := open(t, exampleServer(t), "")
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(320, 720)))
	signIn(p, mouse{}, admin)
	for _, s := range screens {
		p.openScreen(axe, s, "narrow")
		if wide := value[int](p, `Math.max(document.documentElement.scrollWidth, document.querySelector("main").scrollWidth)`); wide > 320 {
			t.Errorf("%s is %d pixels wide", s.name, wide)
		}
	}
}

// openScreen opens a screen and checks it.
func (p *page) openScreen(axe string, s screen, scheme string) {
	p.t.Helper()
	value[bool](p, "(location.hash = "+quote(s.fragment)+", true)")
	p.see(s.until)
	if s.steps != nil {
		s.steps(p)
	}
	p.check(axe, s.name, scheme)
}

// check takes a screenshot of the page and runs axe.
func (p *page) check(axe, name, scheme string) {
	p.t.Helper()
	p.screenshot(name, scheme)
	value[bool](p, axe+"; true")
	findings := value[[]string](p, `axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(({violations}) => violations.map((v) =>
		v.id + ": " + v.help + ": " + v.nodes.map((n) => n.target + " " + (n.any[0]?.message ?? "")).join("; ")))`)
	for _, finding := range findings {
		p.t.Errorf("%s, %s: %s", name, scheme, finding)
	}
}

func (p *page) scheme(scheme string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	p.must(err)
}

// screenshot writes an image of the page if MYVAULT_SCREENSHOTS is set.
func (p *page) screenshot(name, scheme string) {
	p.t.Helper()
	directory := os.Getenv("MYVAULT_SCREENSHOTS")
	if directory == "" || scheme == "narrow" {
		return
	}
	shot, err := chromedp.Call(p.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormatWebp})
	p.must(err)
	p.must(os.WriteFile(filepath.Join(directory, fmt.Sprintf("%s-%s.webp", name, scheme)), shot.Data, 0o644))
}

// axeSource returns the script of axe-core.
func axeSource(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MYVAULT_AXE")
	if path == "" {
		skipOrFail(t, "MYVAULT_AXE is not set to axe.min.js of axe-core")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TestAxeFindsProblems checks that axe reports a button without a name.
func TestAxeFindsProblems(t *testing.T) {
	is := is.New(t)
	axe := axeSource(t)
	p := open(t, exampleServer(t), "")
	value[bool](p, axe+"; document.body.append(document.createElement('button')); true")
	found := value[string](p, `axe.run().then(({violations}) => violations.map((v) => v.id).join())`)
	is.True(strings.Contains(found, "button-name"))
}
