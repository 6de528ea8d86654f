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

// screen is one that the tests look at, and how to get there.
type screen struct {
	name     string
	fragment string
	until    string // text that it shows when it is complete
	steps    func(p *page)
}

// screens are all that there are.
var screens = []screen{
	{"secrets", "#/secrets", "Choose a secret", nil},
	{"secret", "#/secret/newsbot/prod/db/password", "The value is hidden", nil},
	{"revealed", "#/secret/newsbot/prod/service-account.json", "The value is hidden", func(p *page) {
		mouse{}.press(p, "Reveal")
		mouse{}.press(p, "Formatted")
	}},
	{"new", "#/new?project=newsbot&path=prod/api-key", "Create secret", nil},
	{"matrix", "#/matrix?level=1", "Arrows move", nil},
	{"import", "#/import", "Preview changes", func(p *page) {
		mouse{}.fill(p, "Project", "newsbot")
		mouse{}.fill(p, "Lines", "SMTP_HOST=canary\nSMTP_PASSWORD=canary\n")
		mouse{}.press(p, "Preview changes")
		p.see("What changes")
		mouse{}.fill(p, "Lines", "")
	}},
	{"attention", "#/attention", "newsbot/prod/smtp", nil},
	{"trash", "#/trash", "newsbot/dev/old", nil},
	{"projects", "#/projects", "Register a project", nil},
	{"trail", "#/trail", "Reads and refusals", nil},
	{"access", "#/access?project=newsbot&path=prod/db/password&action=read", "may read", nil},
	{"health", "#/health", "The store answers", nil},
	{"rights", "#/me", "You are", nil},
}

// example is a vault as one might be.
func example(t *testing.T) *server {
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
	v.draft("newsbot/prod/smtp", myvault.NewVersion{Value: myvault.Text("canary-smtp"), RotateAfter: time.Now().Add(5 * 24 * time.Hour)})
	v.draft("rag/prod/embedding-key", myvault.NewVersion{Value: myvault.Text("canary-rag"), Expires: time.Now().Add(12 * 24 * time.Hour)})
	v.put("newsbot-deploy", "newsbot/prod/db/password", "canary-hunter3")
	return v
}

// TestScreens looks at every screen in both schemes: axe finds nothing, and with MYVAULT_SCREENSHOTS each is
// pictured.
func TestScreens(t *testing.T) {
	axe := axeSource(t)
	for _, scheme := range []string{"light", "dark"} {
		v := example(t)
		t.Run(scheme, func(t *testing.T) {
			p := open(t, v, "")
			p.scheme(scheme)
			p.check(axe, "sign-in", scheme)
			signIn(p, mouse{}, admin)
			for _, s := range screens {
				p.look(axe, s, scheme)
			}
		})
	}
}

// TestNarrowScreens: at 320 pixels, which is also a window of 1280 at four times the size, no screen has to be
// scrolled sideways (WCAG 1.4.10), and axe finds nothing there either.
func TestNarrowScreens(t *testing.T) {
	axe := axeSource(t)
	p := open(t, example(t), "")
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(320, 720)))
	signIn(p, mouse{}, admin)
	for _, s := range screens {
		p.look(axe, s, "narrow")
		if wide := value[int](p, `Math.max(document.documentElement.scrollWidth, document.querySelector("main").scrollWidth)`); wide > 320 {
			t.Errorf("%s is %d pixels wide", s.name, wide)
		}
	}
}

// look goes to a screen and checks it.
func (p *page) look(axe string, s screen, scheme string) {
	p.t.Helper()
	value[bool](p, "(location.hash = "+quoted(s.fragment)+", true)")
	p.see(s.until)
	if s.steps != nil {
		s.steps(p)
	}
	p.check(axe, s.name, scheme)
}

// check pictures what the page shows, and runs axe over it.
func (p *page) check(axe, name, scheme string) {
	p.t.Helper()
	p.picture(name, scheme)
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

// picture writes an image of the page.
func (p *page) picture(name, scheme string) {
	p.t.Helper()
	directory := os.Getenv("MYVAULT_SCREENSHOTS")
	if directory == "" || scheme == "narrow" {
		return
	}
	shot, err := chromedp.Call(p.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormatWebp})
	p.must(err)
	p.must(os.WriteFile(filepath.Join(directory, fmt.Sprintf("%s-%s.webp", name, scheme)), shot.Data, 0o644))
}

// axeSource is the script of axe-core.
func axeSource(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MYVAULT_AXE")
	if path == "" {
		missing(t, "MYVAULT_AXE does not name the axe.min.js of axe-core")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TestAxeFindsWhatIsWrong: a check that finds nothing must be one that could.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	is := is.New(t)
	axe := axeSource(t)
	p := open(t, example(t), "")
	value[bool](p, axe+"; document.body.append(document.createElement('button')); true")
	found := value[string](p, `axe.run().then(({violations}) => violations.map((v) => v.id).join())`)
	is.True(strings.Contains(found, "button-name"))
}
